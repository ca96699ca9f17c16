// Doctors as rows on the time axis; the candidates of the selected call stand first.
import { $, $$, clock, element, esc, icon, id, now, on, order, plural, span, t, tell } from "./base.js"
import { calls, doctors, state } from "./store.js"
import * as filter from "./filter.js"

const box = id("rows"), docs = id("docs"), SPAN = 168
const nodes = new Map(), heads = {}, fresh = new Set()
let first = true, zoomed = false

export const ranked = key => state.candidates?.items.find(item => item.id === key && item.rank <= 9)

export function draw(row) {
  let node = nodes.get(row.id)
  if (node?.drawn !== row.html) {
    const next = element(row.html)
    next.drawn = row.html
    node?.replaceWith(next)
    nodes.set(row.id, node = next)
  }
  node.classList.toggle("is-changed", fresh.has(row.id))
  node.classList.toggle("is-preview", state.preview === row.id)
  const mine = ranked(row.id), sent = [...state.sending.values()].find(each => each.doctor === row.id)
  const ghost = sent ? sent.ghost : mine && !mine.taken && !row.calls.includes(state.selected) ? mine.ghost : ""
  if (node.ghost !== ghost) {
    for (const old of $$(".ghost", node)) old.remove()
    $(".lane", node).insertAdjacentHTML("beforeend", node.ghost = ghost)
  }
  $(".rk", node).outerHTML = mine ? `<kbd class="rk">${mine.rank}</kbd>` : `<span class="rk"></span>`
  for (const bar of $$("a.bar", node)) bar.classList.toggle("is-mine", bar.search === `?call=${state.selected}`)
  talks(row, node)
  return node
}

// Unread talk of a visit is marked on its bar and counted beside the name.
function talks(row, node) {
  const waits = row.calls.filter(key => calls.get(key)?.unread), n = waits.reduce((sum, key) => sum + calls.get(key).unread, 0)
  for (const bar of $$("a.bar", node)) bar.classList.toggle("has-talk", waits.includes(bar.search.slice(6)))
  const old = $(".dn .talk-n", node), html = n ? `<span class="talk-n" title="${plural("unread", n)}">${icon("message")}${n}</span>` : ""
  if ((old?.outerHTML ?? "") === html) return
  old?.remove()
  $(".dnn", node).insertAdjacentHTML("afterend", html)
}

function head(name, words, n) {
  heads[name] ??= element(`<div class="dg" role="presentation"><span></span><b></b></div>`)
  heads[name].firstChild.textContent = words
  heads[name].lastChild.textContent = n
  return heads[name]
}

export function arrange() {
  const rank = row => (first && ranked(row.id)?.rank) || 99
  const rows = [...doctors.values()].filter(row => rank(row) < 99 || filter.passesDoctor(row))
    .sort((a, b) => rank(a) - rank(b) || a.specs[0].localeCompare(b.specs[0]) || a.name.localeCompare(b.name))
  const top = rows.filter(row => rank(row) < 99), rest = rows.slice(top.length)
  order(box, [
    ...top.length ? [head("top", t("candidates_for", { number: calls.get(state.selected)?.number }), top.length), ...top.map(draw)] : [],
    ...top.length && rest.length ? [head("rest", t("others"), rest.length)] : [], ...rest.map(draw),
  ])
  const duty = rows.filter(row => row.duty)
  id("d-count").textContent = rows.length
  id("d-say").textContent = `${plural("on_shift", duty.length)} · ${plural("free", duty.filter(row => row.kind === "free").length)}`
}
const refresh = (keys = nodes.keys()) => { for (const key of [...keys]) nodes.has(key) && doctors.has(key) && draw(doctors.get(key)) }

// The window moves over the bars; only the now line is placed by script.
export function frame() {
  const from = zoomed ? Math.max(0, Math.min(SPAN - 72, Math.floor((now() - 3600 - state.origin) / 1800) * 6)) : 0
  const n = zoomed ? 72 : SPAN, at = (now() - state.origin) / 300
  docs.classList.toggle("is-zoomed", zoomed)
  docs.style.setProperty("--o", from)
  docs.style.setProperty("--n", n)
  for (const line of [id("nowl"), id("now-t")]) {
    line.hidden = at < from || at > from + n
    line.style.setProperty("--s", at)
  }
  id("now-t").textContent = id("clock").textContent = clock(now())
  $("#zoom span").textContent = [from, from + n].map(step => clock(state.origin + step * 300).replace(":00", "")).join("–")
  for (const hour of $$("#axis .hr")) hour.classList.toggle("vh", Math.abs(Number(hour.className.match(/ s(\d+)/)[1]) + 3 - at) < (zoomed ? 4 : 8))
}
export function tick() {
  for (const node of $$("[data-since]", box)) node.textContent = span(now() - node.dataset.since)
}
export function zoom() {
  zoomed = !zoomed
  frame()
}
export function candidatesFirst() {
  first = !first
  id("first").setAttribute("aria-pressed", first)
  arrange()
}

on("rows", changes => {
  let moved
  for (const [key, flash] of changes.doctors) {
    if (flash) {
      fresh.add(key)
      setTimeout(() => { fresh.delete(key); refresh([key]) }, 4000)
    }
    moved ||= !nodes.has(key) || !doctors.has(key)
    if (!doctors.has(key)) nodes.delete(key)
  }
  if (moved) arrange()
  else refresh(new Set([...changes.doctors.keys(), ...[...changes.calls.keys()].map(key => calls.get(key)?.doctor)]))
})
for (const news of ["filter", "candidates", "sending"]) on(news, arrange)
for (const news of ["preview", "selected"]) on(news, () => refresh())

export function start() {
  for (const node of $$(".dr", box)) nodes.set(node.dataset.id, node)
  frame()
  setInterval(frame, 20000)
  box.addEventListener("click", event => {
    const bar = event.target.closest("a.bar")
    if (!bar) return
    event.preventDefault()
    tell("select", bar.search.slice(6))
  })
  id("zoom").addEventListener("click", zoom)
  id("first").addEventListener("click", candidatesFirst)
}
