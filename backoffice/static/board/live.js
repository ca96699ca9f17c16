// The link to the stream, and an honest judgement of how fresh the board is.
import { $, ask, boot, clock, id, now, on, setClock, t, tell } from "./base.js"
import { Source } from "./source.js"

let beat = Date.now(), said, polled, fails = 0, until = 0, down, send, leaving
const query = `lang=${boot.lang}`
const age = () => Date.now() - beat
export const isStale = () => age() > 10000 || (fails >= 2 && !polled)

function heard(news) {
  if (news.kind === "beat" || news.kind === "snapshot") {
    beat = Date.now()
    if (news.now) setClock(news.now)
    down = false
    polled = news.polled
    if (!polled) fails = 0
  }
  if (news.kind === "lost") ({ fails, until } = news)
  if (news.kind === "down") down = true
  if (news.kind === "out") tell("signed-out")
  if (news.snapshot) tell("snapshot", news.snapshot)
  if (news.row !== undefined) tell(`news-${news.kind}`, news.row)
  judge()
}

function alone() {
  const source = new Source(boot.base, query, heard)
  send = kind => kind === "retry" && source.open()
}
function connect() {
  if (!globalThis.SharedWorker) return alone()
  const worker = new SharedWorker(`${boot.assets}/worker.js`, { type: "module", name: `${boot.lang} ${boot.assets}` })
  worker.onerror = alone
  worker.port.onmessage = event => heard(event.data)
  send = kind => worker.port.postMessage({ kind, query, base: boot.base })
  send("hello")
  addEventListener("pagehide", () => send("leave"))
  addEventListener("pageshow", event => event.persisted && send("hello"))
}
export function retry() {
  until = Date.now()
  send("retry")
}

export function judge() {
  const n = Math.round(age() / 1000)
  const state = isStale() ? "off" : polled || age() > 4000 ? "slow" : "live"
  const head = { off: t("no_link"), slow: polled ? t("every5") : t("behind", { n }), live: t("live") }[state]
  $(".fresh-t").textContent = head
  $(".fresh-s").textContent = state === "live" ? t("ago", { n }) : state === "off" ? t("sec", { n }) : ""
  if (state === "off") {
    const at = now() - n
    id("stale-since").textContent = down ? t("db_down") : t("stale_since", { at: clock(at, 19) })
    id("stale-retry").textContent = fails ? t("retry_in", { n: Math.max(0, Math.ceil((until - Date.now()) / 1000)), k: fails }) : ""
  }
  if (state === said) return
  const was = said
  said = state
  $(".fresh").dataset.state = state
  // Spoken only when the state changes, never each second.
  id("fresh-say").textContent = state === "off" ? t("stale_say") : head
  document.documentElement.classList.toggle("is-stale", state === "off")
  id("stale").hidden = state !== "off"
  if (state === "off") tell("stale")
  else if (was === "off") tell("restored")
}

export function start() {
  connect()
  setInterval(judge, 1000)
  // Another day has no stream of its own; it is looked at again now and then.
  const otherDay = async () => {
    const { ok, body } = await ask(`snapshot${location.search}`, { headers: { "X-Background": "1" } })
    if (ok) tell("snapshot", body)
  }
  if (boot.day !== boot.today) otherDay().then(() => setInterval(otherDay, 30000))
  addEventListener("visibilitychange", judge)
  id("retry").addEventListener("click", retry)
  on("signed-out", () => {
    if (!leaving) location.assign(`${boot.login}?next=${encodeURIComponent(location.pathname + location.search)}`)
    leaving = true
  })
}
