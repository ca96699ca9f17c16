// A conversation on a page of its own; it says that it is open, as the card does.
import { feed } from "./link.js"
import { Pane } from "./pane.js"

const BEAT = 20000
const root = document.getElementById("chat"), call = root.dataset.call
const presence = `/admin/booking/${call}/presence`, token = document.querySelector('meta[name="csrf-token"]').content

const beat = () => document.hidden || fetch(presence, { method: "POST", headers: { Accept: "application/json", "X-CSRF-Token": token, "X-Background": "1" }, body: new URLSearchParams() }).catch(() => 0)
const pane = new Pane(root)
pane.open(call, !matchMedia("(max-width: 767px)").matches)
feed(pane)
beat()
setInterval(beat, BEAT)
addEventListener("pagehide", () => navigator.sendBeacon(presence, new URLSearchParams({ csrf_token: token, leaving: "1" })))
