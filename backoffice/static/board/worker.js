// One connection for all tabs of this browser: browsers allow only six to a host.
import { Source } from "./source.js"

const ports = new Set()
let source, heard = 0

function emit(news) {
  if (news.kind === "beat") heard = Date.now()
  for (const port of ports) port.postMessage(news)
}

addEventListener("connect", ({ ports: [port] }) => {
  port.onmessage = ({ data }) => {
    if (data.kind === "leave") return ports.delete(port)
    ports.add(port)
    if (!source) source = new Source(data.base, data.query, emit)
    else if (data.kind === "retry" || Date.now() - heard > 4000) source.open()
    else if (source.snapshot) port.postMessage({ kind: "snapshot", snapshot: source.snapshot })
    if (source.talks !== undefined && Date.now() - heard <= 4000) port.postMessage({ kind: "talks", row: source.talks })
  }
})
