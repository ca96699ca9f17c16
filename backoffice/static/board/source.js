// The stream of news: a snapshot at each connection, then rows as they change.
// Runs in the shared worker, or in the page where there is none.
const WAITS = [500, 1000, 2000, 4000, 5000]

export class Source {
  constructor(base, query, emit) {
    Object.assign(this, { base, query, emit, fails: 0 })
    this.open()
  }

  open() {
    clearTimeout(this.timer)
    this.stream?.close()
    const stream = this.stream = new EventSource(`${this.base}/stream?${this.query}`)
    const heard = (kind, act) => stream.addEventListener(kind, event => stream === this.stream && act(event))
    heard("open", () => this.load())
    heard("reset", () => this.load())
    for (const kind of ["call", "doctor", "watch", "talk", "talks", "typing", "outages"]) heard(kind, event => this.keep(kind, JSON.parse(event.data)))
    heard("beat", event => {
      this.fails = 0
      this.emit({ kind: "beat", now: Number(event.data) })
    })
    heard("down", () => this.emit({ kind: "down" }))
    heard("bye", () => this.open())
    heard("error", () => this.lost())
  }

  // Wait a little longer each time, and look by plain HTTP meanwhile.
  lost() {
    this.stream.close()
    const wait = WAITS[Math.min(this.fails++, 4)] * (0.85 + Math.random() * 0.3)
    this.emit({ kind: "lost", fails: this.fails, until: Date.now() + wait })
    this.timer = setTimeout(() => this.open(), wait)
    this.load(true)
  }

  async load(polled = false) {
    try {
      const headers = { Accept: "application/json", "X-Background": "1" }
      const answer = await fetch(`${this.base}/snapshot?${this.query}`, { headers, signal: AbortSignal.timeout(8000) })
      if (answer.status === 401 || answer.status === 403) this.emit({ kind: "out" })
      else if (answer.status === 503) this.emit({ kind: "down" })
      else if (answer.ok) {
        this.snapshot = await answer.json()
        this.emit({ kind: "snapshot", snapshot: this.snapshot, polled })
      }
    } catch { /* the banner tells, the timer tries again */ }
  }

  // The present state is kept, so that one more tab costs the server nothing.
  keep(kind, row) {
    if (kind === "talks") this.talks = row
    const rows = this.snapshot?.[`${kind}s`], whole = { watch: "watchers", outages: "outages" }[kind]
    if (whole && this.snapshot) this.snapshot[whole] = row
    else if (rows) {
      const at = rows.findIndex(each => each.id === row.id)
      if (at < 0) rows.push(row)
      else if (rows[at].seq <= row.seq) rows[at] = row
    }
    this.emit({ kind, row })
  }
}
