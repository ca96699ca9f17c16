// The board: the server drew it, from here on it lives by itself.
import { $$, boot, id, on } from "./base.js"
import { calls, state } from "./store.js"
import * as doctors from "./doctors.js"
import * as filter from "./filter.js"
import * as keys from "./keys.js"
import * as live from "./live.js"
import * as map from "./map.js"
import * as queue from "./queue.js"
import * as send from "./send.js"
import * as side from "./side.js"
import * as sound from "./sound.js"
import * as talk from "./talk.js"
import * as watch from "./watch.js"

for (const part of [queue, doctors, map, side, filter, send, sound, talk, watch, keys, live]) part.start()

function tick() {
  queue.tick()
  doctors.tick()
  side.head()
}
on("ready", () => {
  doctors.arrange()
  queue.atOnce()
  const asked = new URLSearchParams(location.search).get("call"), first = queue.shown()[0]
  if (calls.has(asked)) side.select(asked)
  else if (first) side.select(first.id)
  setInterval(() => document.hidden || tick(), 1000)
})
addEventListener("visibilitychange", () => document.hidden || !state.ready || tick())

function tab(name) {
  id("board").dataset.tab = name
  for (const button of $$(".tabs button")) button.dataset.tab === name ? button.setAttribute("aria-current", "page") : button.removeAttribute("aria-current")
}
for (const button of $$(".tabs button")) button.addEventListener("click", () => tab(button.dataset.tab))
on("show-tab", tab)
tab("queue")
document.documentElement.dataset.bsTheme = boot.theme
