// The list of conversations keeps itself fresh; nothing moves while a hand is on it.
import { listen } from "./link.js"
import { draw, waiting } from "./rail.js"

const box = document.getElementById("talks"), EVERY = 30000
let due, busy, hand = 0, last = box.innerHTML

async function redraw() {
  due = null
  if (document.hidden || Date.now() - hand < 2000) return later(2000)
  if (busy) return later(500)
  busy = true
  const answer = await fetch(location.href, { headers: { "X-Background": "1" } }).catch(() => null)
  busy = false
  if (!answer?.ok || answer.redirected) return
  const page = new DOMParser().parseFromString(await answer.text(), "text/html"), fresh = page.getElementById("talks")
  waiting(Number(page.querySelector("[data-talks]")?.textContent ?? NaN))
  if (!fresh || fresh.innerHTML === last) return
  last = fresh.innerHTML
  const held = document.activeElement?.closest?.(".talk")?.getAttribute("href")
  box.replaceChildren(...fresh.childNodes)
  draw()
  if (held) box.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus({ preventScroll: true })
}
const later = wait => { due ??= setTimeout(redraw, wait) }

listen(news => ["talk", "snapshot"].includes(news.kind) && later(300))
for (const name of ["pointermove", "keydown"]) box.addEventListener(name, () => { hand = Date.now() })
document.addEventListener("visibilitychange", () => document.hidden || later(0))
setInterval(() => later(0), EVERY)
