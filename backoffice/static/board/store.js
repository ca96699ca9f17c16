// The rows on the board. A row is replaced only by a later reading of it.
import { boot, id, now, on, tell } from "./base.js"

export const calls = new Map(), doctors = new Map()
export const state = { watchers: [], counts: boot.counts, day: boot.day, origin: boot.origin, sending: new Map(), own: new Map() }
const CLOSED = ["completed", "cancelled"]
export const isOpen = row => Boolean(row) && !CLOSED.includes(row.status)

let dirty
function mark(kind, key, flash) {
  if (!dirty) {
    dirty = { calls: new Map(), doctors: new Map() }
    // A hidden tab gets no frames, but it may be asked for its title and sounds.
    if (document.hidden) setTimeout(flush)
    else requestAnimationFrame(flush)
  }
  if (kind === "watchers") dirty.watchers = true
  else dirty[kind].set(key, flash)
}
function flush() {
  const changes = dirty
  dirty = null
  if (changes) tell("rows", changes)
}

function put(kind, row, flash) {
  const table = kind === "calls" ? calls : doctors, known = table.get(row.id)
  if (known && (known.seq > row.seq || (known.seq === row.seq && known.at >= row.at))) return 0
  table.set(row.id, row)
  if (known?.html === row.html && known.lat === row.lat && known.lon === row.lon && known.version === row.version && known.payment === row.payment) return 0
  if (kind === "calls") {
    if (isOpen(known) && !isOpen(row)) state.counts[row.status]++
    if (!known && flash) tell("new-call", row)
    if (state.sending.has(row.id) && row.version > state.sending.get(row.id).version) state.sending.delete(row.id)
  }
  // What was read needs no flash, nor what one has done oneself.
  if (known && row.unread < known.unread) flash = false
  if (state.own.get(row.id) > Date.now()) flash = false
  mark(kind, row.id, flash && known?.html !== row.html)
  return 1
}
export const touch = key => mark("calls", key, false)

on("news-call", row => put("calls", row, true))
on("news-doctor", row => state.day === boot.today && put("doctors", row, true))
on("news-watch", rows => {
  state.watchers = rows
  mark("watchers")
})
on("snapshot", snapshot => {
  const first = !state.ready
  let changed = 0
  for (const [kind, table] of [["calls", calls], ["doctors", doctors]]) {
    if (kind === "doctors" && snapshot.day !== state.day) continue
    const listed = new Set(snapshot[kind].map(row => row.id))
    for (const [key, row] of table)
      if (!listed.has(key) && row.seq <= snapshot.seq) {
        table.delete(key)
        mark(kind, key, false)
        changed++
      }
    for (const row of snapshot[kind]) changed += put(kind, row, !first)
  }
  Object.assign(state, { ready: true, counts: { ...snapshot.counts }, watchers: snapshot.watchers })
  if (snapshot.day === state.day && snapshot.origin !== state.origin) {
    state.origin = snapshot.origin
    id("axis").innerHTML = snapshot.axis
  }
  mark("watchers")
  flush()
  tell(first ? "ready" : "caught-up", changed)
})

export function slaState(row) {
  if (row.status !== "pending") return "off"
  const at = now(), { starts_at, warn_at, red_at } = row.sla
  return at >= red_at ? "broken" : at >= warn_at ? "soon" : at >= starts_at ? "ok" : "later"
}
export const GROUPS = ["emergency", "high", "normal", "low", "later"]
export const groupOf = row => row.priority !== "emergency" && row.sla.starts_at > now() ? "later" : row.priority
export const inOrder = rows => rows.sort((a, b) => GROUPS.indexOf(groupOf(a)) - GROUPS.indexOf(groupOf(b))
  || a.sla.red_at - b.sla.red_at || a.created - b.created || a.number - b.number)
