// Tell the colleagues which call is open here; it warns, it never locks.
import { $, boot, on } from "./base.js"

const BEAT = 30000
let call = ""

const post = () => fetch(`${boot.base}/watch`, {
  method: "POST", keepalive: true, body: JSON.stringify({ call }),
  headers: { Accept: "application/json", "Content-Type": "application/json", "X-Background": "1", "X-CSRF-Token": $("meta[name=csrf-token]").content },
}).catch(() => 0)

export function start() {
  on("opened", key => { call = key; post() })
  on("selected", () => { if (call) { call = ""; post() } })
  setInterval(() => document.hidden || post(), BEAT)
  addEventListener("pagehide", () => { call = "-"; post() })
  addEventListener("pageshow", event => event.persisted && post())
  post()
}
