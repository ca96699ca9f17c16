// The conversation beside the card of its call: C opens it, Esc closes it.
import { feed } from "./link.js"
import { keep, kept } from "./net.js"
import { Pane } from "./pane.js"

const opener = document.querySelector("[data-chat-open]"), badge = document.querySelector("[data-chat-unread]")
const call = document.querySelector("[data-card]").dataset.card.split("/").at(-1)
const pane = new Pane(document.getElementById("chat"), { closed: () => shown(false), unread: count })

function shown(yes) {
  document.documentElement.classList.toggle("has-chat", yes)
  opener.setAttribute("aria-expanded", yes)
  keep("open", yes ? call : "")
  if (!yes) opener.focus()
}
function open(focus) {
  shown(true)
  pane.open(call, focus)
}
function count(news) {
  if (news.call !== call) return
  badge.textContent = news.unread
  badge.hidden = !news.unread
}

opener.addEventListener("click", event => {
  event.preventDefault()
  pane.isOpen ? pane.close() : open(true)
})
// Before the card's own keys: there Esc leads back to the board.
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return
  const typing = event.target.closest?.("input,select,textarea")
  if (event.key === "Escape" && pane.isOpen && !typing && !document.querySelector(".cmd[open]")) pane.close()
  else if (event.code === "KeyC" && !typing) open(true)
  else return
  event.preventDefault()
  event.stopImmediatePropagation()
}, true)

feed(pane)
if (kept("open") === call || location.hash === "#chat") open(false)
