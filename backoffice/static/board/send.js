// Commands: shown at once as being sent, settled by the answer, never repeated blindly.
import { $, $$, ask, boot, element, esc, icon, id, now, on, plural, t, tell } from "./base.js"
import { calls, doctors, state, touch } from "./store.js"
import { isStale } from "./live.js"

const toasts = id("toasts"), dialog = id("dialog"), notice = id("notice")
let undos = []

export function toast(head, text = "", bad = false, undo = null) {
  const node = element(`<div class="t${bad ? " is-bad" : ""}">${icon(bad ? "alert-triangle" : "check")}<div><b>${esc(head)}</b><small>${esc(text)}</small></div></div>`)
  if (undo) node.insertAdjacentHTML("beforeend", `<button class="btn sm undo">${icon("arrow-back-up")}${t("undo")}<kbd>U</kbd></button>`)
  node.insertAdjacentHTML("beforeend", `<i class="life" aria-hidden="true"></i>`)
  const gone = () => {
    node.remove()
    undos = undos.filter(each => each !== undo)
  }
  // Its bar runs down 30 s and rests under the pointer and in a hidden tab.
  $(".life", node).addEventListener("animationend", gone)
  $(".undo", node)?.addEventListener("click", () => takeBack(undo))
  if (undo) undos.push({ ...undo, gone })
  if (undo) undo = undos.at(-1)
  toasts.append(node)
  if (toasts.children.length > 3) toasts.firstElementChild.remove()
  return gone
}

export async function send(verb, fields = {}, call = state.selected) {
  const row = calls.get(call)
  if (!row || state.sending.has(call)) return
  if (isStale()) return toast(t("locked"), "", true)
  const version = fields.version ?? row.version
  notice.hidden = true
  if (dialog.open) dialog.close()
  const item = state.candidates?.call === call && state.candidates.items.find(each => each.id === fields.doctor_id)
  // The plan that was read is asked for, moved on by the time it took to decide.
  if (item && !fields.planned_start) {
    const [leave, start] = item.plan
    fields.planned_start = new Date((start + Math.max(0, now() - leave)) * 1000).toISOString()
  }
  state.sending.set(call, { version, doctor: item?.id, ghost: item?.ghost?.replaceAll("bar ghost", "bar ghost is-sending") ?? "" })
  for (const key of [call, fields.doctor_id, row.doctor]) state.own.set(key, Date.now() + 3000)
  draw(call)
  // The key belongs to this one press: if the answer is lost, asking again repeats nothing.
  const command = crypto.randomUUID()
  const late = setTimeout(() => check(call, version), 8000)
  const { ok, status, body } = await ask(`calls/${call}/${verb}`, {
    method: "POST", body: JSON.stringify({ ...fields, version, command }),
    headers: { "Content-Type": "application/json", "X-CSRF-Token": $("meta[name=csrf-token]").content },
  })
  clearTimeout(late)
  if (ok) done(call, body)
  else if (status) refused(call, verb, fields, body)
  else check(call, version)
}
function draw(call) {
  touch(call)
  tell("sending")
}
function settle(call) {
  state.sending.delete(call)
  draw(call)
}

function done(call, body) {
  // Our own row comes with the stream; should it not, the sending mark ends by itself.
  setTimeout(() => settle(call), 1500)
  toast(body.head ?? body.message, body.text, false, body.undo ? { call, version: body.version } : null)
}

function refused(call, verb, fields, body) {
  settle(call)
  if (body.code === "stale_version" && call === state.selected) {
    const doctor = doctors.get(fields.doctor_id)
    notice.innerHTML = `${icon("arrows-exchange")}<div><b>${esc(body.detail)}</b><p>${t("shown_new")}</p><div class="vb"><button class="btn btn-primary sm" data-ok>${t("got_it")}<kbd>Esc</kbd></button>`
      + (doctor && calls.get(call)?.doctor ? `<button class="btn sm" data-verb="reassign" data-doctor="${doctor.id}">${esc(t("reassign_to", { doctor: doctor.name }))}</button>` : "") + `</div></div>`
    notice.hidden = false
  } else if (body.code === "doctor_busy") {
    const seconds = text => text ? Date.parse(text) / 1000 : "", { conflict } = body
    const item = state.candidates?.call === call && state.candidates.items.find(each => each.id === fields.doctor_id)
    show(`calls/${call}/ways?${new URLSearchParams({
      verb, doctor: fields.doctor_id, earliest: body.earliest_start, asked: item ? item.plan : "",
      booking: conflict?.booking_id ?? "", number: conflict?.number ?? "",
      taken: conflict ? [conflict.from, conflict.planned_start, conflict.to].map(seconds) : "",
    })}`)
  } else toast(body.detail ?? t("failed"), "", true)
}

// No answer: say so, and look whether it arrived.
async function check(call, version) {
  const gone = toast(t("unknown_yet"), "", true)
  const { ok, body } = await ask(`calls/${call}/row`)
  if (!ok) return
  gone()
  settle(call)
  tell("news-call", body.row)
  if (body.row.version > version) toast(t("did_arrive"))
  else toast(t("not_sent"), "", true)
}

export function takeBack(undo = undos.at(-1)) {
  if (!undo || isStale()) return
  undo.gone?.()
  undos = undos.filter(each => each !== undo)
  // Once the doctor has said yes, taking the call away needs a reason.
  if (["accepted", "en_route"].includes(calls.get(undo.call)?.status)) show(`calls/${undo.call}/dialog?verb=unassign`)
  else send("undo", { version: undo.version }, undo.call)
}

export async function show(path) {
  const { ok, body } = await ask(path)
  if (!ok) return toast(body.detail ?? t("failed"), "", true)
  dialog.innerHTML = body.html
  if (!dialog.open) dialog.showModal()
  const first = $(".is-first, textarea[required]", dialog) ?? dialog
  first.focus()
}
export function dialogKey(event) {
  const typing = event.target.matches("textarea"), n = event.code.match(/^(?:Digit|Numpad)(\d)$/)?.[1]
  if (n && !typing) $(`[data-key="${n}"]`, dialog)?.click()
}
export function assign(n) {
  const item = state.candidates?.items[n - 1], row = calls.get(state.selected)
  if (!item || item.taken || !row || state.candidates.call !== row.id) return
  if (row.status === "pending") send("assign", { doctor_id: item.id })
  else if (["assigned", "accepted", "en_route"].includes(row.status) && row.doctor !== item.id) show(`calls/${row.id}/dialog?verb=reassign&doctor=${item.id}`)
}

function click(event) {
  const button = event.target.closest("[data-verb],[data-dialog],[data-close],[data-ok],[data-place],[data-tab-open]")
  if (!button) return
  const { verb, doctor, start, reason, flag } = button.dataset
  if (!button.matches("a")) event.preventDefault()
  if (verb) {
    const text = $("textarea", dialog)?.value.trim()
    if (button.closest("dialog") && $("textarea[required]", dialog) && !text) return $("textarea", dialog).focus()
    const fields = { doctor_id: doctor, planned_start: start, reason_code: reason, flag, comment: text, raised: button.dataset.raised }
    send(verb, Object.fromEntries(Object.entries(fields).filter(([, value]) => value)))
    button.closest("details")?.removeAttribute("open")
  } else if (button.dataset.dialog) show(`calls/${state.selected}/dialog?verb=${button.dataset.dialog}`)
  else if ("place" in button.dataset) {
    toast(t("place_hint"))
    tell("place", point => send("point", point))
  } else if ("tabOpen" in button.dataset) tell("tab", button.dataset.tabOpen)
  else if (dialog.open) dialog.close()
  else notice.hidden = true
}

on("refused", body => toast(body.detail ?? t("failed"), "", true))
// The reconnect of every few minutes is silent; only a loss that was shown is ended aloud.
let behind = 0
on("stale", () => { behind = 0 })
on("caught-up", n => { behind += n })
on("restored", () => setTimeout(() => toast(t("restored"), behind ? plural("updated", behind) : ""), 600))

export function start() {
  for (const box of [id("side"), id("queue"), dialog]) box.addEventListener("click", click)
  addEventListener("visibilitychange", () => document.documentElement.classList.toggle("is-hidden", document.hidden))
}
