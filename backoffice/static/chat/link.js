// News for a page that is no board: through the one stream that the browser has anyway.
import { boot } from "./net.js"
import { watch } from "./danger.js"
import { waiting } from "./rail.js"
import { Source } from "../board/source.js"

const query = `lang=${boot.lang}`

export function listen(hear) {
  const heard = news => {
    if (news.kind === "talks") waiting(news.row)
    watch(news)
    hear(news)
  }
  const alone = () => new Source(boot.board, query, heard)
  if (!globalThis.SharedWorker) return alone()
  const worker = new SharedWorker(`${boot.assets}/worker.js`, { type: "module", name: `${boot.lang} ${boot.assets}` })
  worker.onerror = alone
  worker.port.onmessage = event => heard(event.data)
  const say = kind => worker.port.postMessage({ kind, query, base: boot.board })
  say("hello")
  addEventListener("pagehide", () => say("leave"))
  addEventListener("pageshow", event => event.persisted && say("hello"))
}

// A board's snapshot comes with each new connection: then the pane asks what it missed.
export function feed(pane) {
  listen(news => {
    if (news.kind === "talk") pane.heard(news.row)
    else if (news.kind === "typing") pane.typing(news.row)
    else if (news.kind === "snapshot") pane.restored(news.snapshot)
  })
}
