// The selected call: skimming shows what the row knows, resting opens the card.
import { $, $$, address, ask, boot, clock, esc, icon, id, now, on, phone, span, t, tell } from "./base.js"
import { calls, doctors, isOpen, slaState, state } from "./store.js"
import * as queue from "./queue.js"

const side = id("side"), list = id("cands")
const MARK = { emergency: "alert-octagon", high: "arrow-up", normal: "minus", low: "arrow-down" }
const PAID = { paid: "good", pending: "info", refund_pending: "info" }
let resting, asked = 0, opened, next = {}

function sentence(row) {
  const { starts_at, red_at } = row.sla, at = now(), limit = t("min", { n: Math.round((red_at - starts_at) / 60) })
  if (row.status !== "pending") return esc(row.doctor ? t("on_call", { doctor: doctors.get(row.doctor)?.name, at: clock(row.start) }) : "")
  if (at >= red_at) return `<span class="over">${t("due_over", { limit, late: span(at - red_at) })}</span>`
  return at < starts_at ? t("timer_from", { at: clock(starts_at) }) : t("due_in", { limit, left: span(red_at - at) })
}

export function head() {
  const row = calls.get(state.selected)
  id("side-empty").hidden = Boolean(row)
  if (!row) return
  const mark = queue.timer(row)
  id("s-timer").className = `sla big ${mark.css}`
  for (const [name, html] of [
    ["s-h", `B-${row.number}`], ["s-timer", queue.timerHtml(mark)],
    ["pills", `<span class="pill hi">${icon(MARK[row.priority])}${t(`priority.${row.priority}`)}</span><span class="pill">${t(`type.${row.type}`)}</span><span class="pill ${PAID[row.payment] ?? ""}">${t(`payment.${row.payment}`)}</span>`],
    ["s-line", `<span class="stt"><i class="sw s-${row.status}"></i>${t(`status.${row.status}`)}</span><span>${sentence(row)}</span>`],
  ]) if (id(name).drawn !== html) id(name).innerHTML = id(name).drawn = html
}
function watchers() {
  const others = queue.watchersOf(state.selected)
  id("watchers").hidden = !others.length
  id("watchers").innerHTML = others.map(w => `${queue.avatar(w)}${icon("eye")}<span>${esc(t("watches", w))}</span><span class="muted">${t("since", { at: clock(w.since) })}</span>`).join("")
  const crew = new Map(state.watchers.filter(w => w.user !== boot.me).map(w => [w.user, w]))
  id("crew").innerHTML = [...crew.values()].map(w => `<span class="ava${w.call === state.selected ? " here" : ""}" title="${esc(t("on_board", w))}">${esc(w.initials)}</span>`).join("")
}

// Before the card is open the same places hold what the row says, so nothing jumps.
function brief(row) {
  const node = id(`c-${row.id}`), text = name => esc($(name, node)?.textContent ?? "")
  id("facts").innerHTML = [["activity", `<b>${text(".gist")}</b>`], ["user", text(".pl")], ["clock", `${text(".win")} <span class="muted">${t("opening")}</span>`]]
    .map(([name, html]) => `<div><dt>${icon(name)}</dt><dd>${html}</dd></div>`).join("")
  id("acts").replaceChildren()
}

export function select(key) {
  const was = state.selected, row = calls.get(key)
  if (!row) return location.assign(`${boot.card}${key}`)
  if (key === was) return
  Object.assign(state, { selected: key, candidates: null, best: null, preview: null })
  opened = null
  id("notice").hidden = true
  address({ call: key })
  if (was && !isOpen(calls.get(was))) calls.delete(was)
  queue.atOnce()
  id("queue").setAttribute("aria-activedescendant", `c-${key}`)
  id(`c-${key}`).scrollIntoView({ block: "nearest" })
  head()
  watchers()
  brief(row)
  tell("selected", key)
  clearTimeout(resting)
  resting = setTimeout(open, 400)
  rank()
}

// Opening is a journalled read and tells the colleagues, so it waits for a resting eye.
export async function open() {
  const key = state.selected
  if (opened === key || !calls.has(key)) return
  opened = key
  tell("opened", key)
  const { ok, body } = await ask(`calls/${key}/card`)
  if (key !== state.selected || !ok) return
  id("facts").innerHTML = body.facts
  if (!$("[open]", id("acts"))) id("acts").innerHTML = body.acts
}

// Ranks are frozen as shown; only R or another selection asks anew.
export async function rank(query = "") {
  const key = state.selected, row = calls.get(key), mine = ++asked
  const slow = setTimeout(() => side.classList.add("is-ranking"), 300)
  const ready = !query && next.call === key && next.version === row?.version && now() - next.at < 15
  const { ok, body } = ready ? { ok: true, body: next } : await ask(`calls/${key}/candidates?${query}`)
  clearTimeout(slow)
  if (mine !== asked) return
  side.classList.remove("is-ranking")
  if (!ok) return body.code && tell("refused", body)
  state.candidates = body
  state.best = phone.matches && body.best
  list.innerHTML = body.html
  id("refused").innerHTML = body.refused
  id("k-count").textContent = body.items.length
  id("k-at").textContent = t("fixed_at", { at: clock(body.at) })
  id("rerank").hidden = true
  tell("candidates")
  queue.refresh([key])
  ahead()
}

// The ranking of the next call below is fetched ahead; a card never is.
async function ahead() {
  const rows = queue.shown(), below = rows[rows.findIndex(row => row.id === state.selected) + 1]
  if (below?.status === "pending") next = (await ask(`calls/${below.id}/candidates?`, { headers: { "X-Background": "1" } })).body
}

export function preview(n) {
  state.preview = state.candidates?.items[n - 1]?.id
  for (const node of $$(".cand", list)) {
    const yes = node.dataset.doctor === state.preview
    node.classList.toggle("is-open", yes)
    node.setAttribute("aria-selected", yes)
    if (yes) node.scrollIntoView({ block: "nearest" })
  }
  tell("preview")
  $(".dr.is-preview")?.scrollIntoView({ block: "nearest" })
}

on("rows", changes => {
  if (changes.watchers) watchers()
  if (changes.calls.has(state.selected)) {
    const row = calls.get(state.selected)
    head()
    if (opened && row) { opened = null; open() }
    if (row?.version !== state.candidates?.version) id("rerank").hidden = !isOpen(row)
  }
  // News never moves the frozen list: it strikes out what no longer holds.
  for (const item of state.candidates?.items ?? []) {
    const row = changes.doctors.has(item.id) && doctors.get(item.id)
    const node = row && $(`[data-doctor="${item.id}"]`, list)
    if (!node || item.taken || (row.duty === item.duty && row.calls.filter(call => call !== state.selected).join() === item.calls.join())) continue
    item.taken = true
    node.classList.add("is-taken")
    $(".why", node).innerHTML = `<li class="a">${icon("alert-triangle")}${t("now_taken")}</li>`
    id("rerank").hidden = false
  }
})

export function start() {
  on("select", select)
  id("rerank").addEventListener("click", () => rank())
  side.addEventListener("submit", event => {
    if (!event.target.matches("[data-ask]")) return
    event.preventDefault()
    rank(new URLSearchParams(new FormData(event.target)))
  })
}
