// Talk on the board: the pane of the selected call, what waits unread, what must be heard.
import { address, esc, icon, id, on, phone, t, tell } from "./base.js"
import { calls, doctors, state } from "./store.js"
import { Pane } from "../chat/pane.js"
import { waiting } from "../chat/rail.js"

const side = id("side"), bar = id("danger"), KEY = "board-danger-seen"
const unread = new Map()
const pane = new Pane(id("chat"), { closed: () => shown(false) })
let resting, seen = new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]"))

export const isOpen = () => pane.isOpen
const looks = call => pane.isOpen && pane.call === call && !document.hidden && document.hasFocus()
function shown(yes) {
  side.classList.toggle("is-chat", yes)
  address({ chat: yes ? "1" : "" })
  if (yes) tell("tab", "side")
  else id("queue").focus({ preventScroll: true })
}
export function open(focus = true) {
  if (!state.selected) return
  if (phone.matches) return location.assign(`/admin/calls/${state.selected}/chat`)
  shown(true)
  pane.open(state.selected, focus)
}
export const close = () => pane.isOpen && (pane.close(), true)

// Skimming with the arrows opens nothing: a conversation is read where the eye rests.
let wanted = new URLSearchParams(location.search).has("chat")
on("selected", key => {
  clearTimeout(resting)
  if (wanted) return (wanted = false, open(false))
  if (!pane.isOpen) return
  pane.blank()
  resting = setTimeout(() => pane.isOpen && pane.open(key, false), 400)
})

function waits(call, n, first) {
  const more = n > (unread.get(call) ?? 0)
  n ? unread.set(call, n) : unread.delete(call)
  if (more && !first && !looks(call)) tell("message", call)
}
on("news-talks", waiting)
on("news-talk", news => {
  waits(news.call, news.unread)
  pane.heard(news)
})
on("news-typing", news => pane.typing(news))
let first = true
on("snapshot", snapshot => {
  for (const row of snapshot.calls) waits(row.id, row.unread, first)
  first = false
  outages(snapshot.outages)
  pane.restored()
})

// A doctor in danger stands above everything until somebody here has seen it.
function danger() {
  const rows = [...calls.values()].filter(row => row.danger), now = new Set(rows.map(row => row.id))
  // Once the flag is down it may be raised anew, and is then news again.
  if (state.ready) for (const key of seen) if (!now.has(key)) seen.delete(key)
  const fresh = rows.filter(row => !seen.has(row.id))
  localStorage.setItem(KEY, JSON.stringify([...seen]))
  const html = fresh.map(row => `<div>${icon("alert-octagon")}<b>${t("danger")} B-${row.number}</b><span>${esc(doctors.get(row.doctor)?.name ?? "")}</span><div class="sb-end"><button class="btn inv" data-danger-open="${row.id}">${t("danger.open")}</button><button class="btn inv" data-danger-seen="${row.id}">${t("danger.seen")}</button></div></div>`).join("")
  if (bar.drawn !== html) bar.innerHTML = bar.drawn = html
  bar.hidden = !fresh.length
  tell("danger", fresh.length > 0)
}
on("rows", danger)

function outages(lines = []) {
  const box = id("outages")
  const html = lines.map(line => `<p>${icon("send-off")}${esc(line)}</p>`).join("")
  if (box.drawn !== html) box.innerHTML = box.drawn = html
  box.hidden = !lines.length
}
on("news-outages", outages)

export function start() {
  bar.addEventListener("click", event => {
    const { dangerOpen, dangerSeen } = event.target.closest("button")?.dataset ?? {}
    if (dangerOpen) tell("select", dangerOpen)
    if (dangerSeen) {
      seen.add(dangerSeen)
      danger()
    }
  })
  side.addEventListener("click", event => {
    if (!event.target.closest("[data-chat-open]") || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    open()
  })
  addEventListener("storage", event => {
    if (event.key !== KEY) return
    seen = new Set(JSON.parse(event.newValue ?? "[]"))
    danger()
  })
}
