// Keys are taken by place, so they work in the Russian layout as well.
import { $, boot, id, on, tell } from "./base.js"
import { calls, slaState, state } from "./store.js"
import * as doctors from "./doctors.js"
import * as filter from "./filter.js"
import * as live from "./live.js"
import * as map from "./map.js"
import * as queue from "./queue.js"
import * as send from "./send.js"
import * as side from "./side.js"
import * as sound from "./sound.js"
import * as talk from "./talk.js"

function move(to) {
  const rows = queue.shown(), at = rows.findIndex(row => row.id === state.selected)
  const next = rows[Math.max(0, Math.min(rows.length - 1, to(at, rows.length)))]
  if (next) side.select(next.id)
  queue.touched()
}
function nextBroken() {
  const rows = queue.shown(), at = rows.findIndex(row => row.id === state.selected)
  const found = [...rows.slice(at + 1), ...rows].find(row => slaState(row) === "broken")
  if (found) side.select(found.id)
}
function openCard() {
  if (state.selected) location.assign(boot.card + state.selected)
}
function openFilters() {
  id("f-menu").open = true
  $("#f-spec input").focus()
}
function escape() {
  const menu = $("details.menu[open]")
  if (menu) menu.open = false
  else if (!id("notice").hidden) id("notice").hidden = true
  else if (document.activeElement.matches("input")) document.activeElement.blur()
  else if (talk.close()) return
  else if (filter.isOn()) filter.clear()
}

const ACTS = {
  ArrowDown: () => move(at => at + 1), ArrowUp: () => move(at => at - 1), Home: () => move(() => 0), End: () => move((_, n) => n - 1),
  Enter: openCard, KeyU: () => send.takeBack(), KeyN: () => id("new").click(), KeyG: nextBroken, KeyK: doctors.candidatesFirst,
  KeyZ: doctors.zoom, KeyV: map.fold, KeyF: openFilters, KeyM: sound.toggle, Slash: () => id("search").focus(),
  KeyR: () => live.isStale() ? live.retry() : side.rank(), KeyC: () => talk.open(), KeyX: () => state.selected && send.show(`calls/${state.selected}/dialog?verb=cancel`),
}
const help = () => id("help").showModal()

function press(event) {
  // Under the form of a new call no key may reach the board.
  if (event.ctrlKey || event.altKey || event.metaKey || $(".nc-layer")) return
  if (id("dialog").open) return send.dialogKey(event)
  if ($(".chat dialog[open]")) return
  if (event.code === "Escape") return escape()
  if (id("help").open || event.target.closest("input, textarea, select")) return
  const digit = Number(event.code.match(/^(?:Digit|Numpad)([1-9])$/)?.[1])
  // A key does what the eye just read: before the first snapshot there is nothing to do.
  // Over an open conversation no candidate is seen, so none is assigned.
  if (digit && talk.isOpen()) return
  if (digit) {
    if (event.shiftKey) side.preview(digit)
    else if (!event.repeat && state.ready) send.assign(digit)
  } else if (event.key === "?" || (event.shiftKey && event.code === "Slash")) help()
  else {
    const act = event.key === "/" ? ACTS.Slash : ACTS[event.code]
    if (!act || (event.code === "Enter" && event.target.closest("a, button, summary"))) return
    if (event.repeat && !event.code.startsWith("Arrow")) return
    act()
  }
  event.preventDefault()
}

export function start() {
  addEventListener("keydown", press)
  id("help-open").addEventListener("click", help)
  addEventListener("click", event => { for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false })
  on("tab", tab => tell("show-tab", tab))
}
