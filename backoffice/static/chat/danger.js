// A doctor in danger is seen and heard on these pages as on the board; what was seen
// on one page of this browser is seen on all.
import { boot, t } from "./net.js"

const KEY = "board-danger-seen", rows = new Map(), names = new Map()
const bar = Object.assign(document.createElement("div"), { className: "danger-bar", id: "danger", hidden: true })
bar.setAttribute("role", "alert")
document.querySelector(".sheet").prepend(bar)

const seen = () => new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]"))
function see(key, yes) {
  const now = seen()
  yes ? now.add(key) : now.delete(key)
  localStorage.setItem(KEY, JSON.stringify([...now]))
}

export function watch({ kind, row, snapshot }) {
  if (kind === "doctor") names.set(row.id, row.name)
  else if (kind === "snapshot") {
    rows.clear()
    for (const each of snapshot.doctors) names.set(each.id, each.name)
    for (const each of snapshot.calls) if (each.danger) rows.set(each.id, each)
    for (const key of seen()) if (!rows.has(key)) see(key, false)
  } else if (kind === "call" && row.danger) rows.set(row.id, row)
  else if (kind === "call" && rows.delete(row.id)) see(row.id, false)
  else return
  draw()
}
function draw() {
  const known = seen(), fresh = [...rows.values()].filter(row => !known.has(row.id))
  bar.replaceChildren(...fresh.map(line))
  bar.hidden = !fresh.length
  alarm(fresh.length > 0)
}
function part(tag, css, text) {
  return Object.assign(document.createElement(tag), { className: css, textContent: text })
}
function line(row) {
  const box = document.createElement("div"), acts = part("div", "sb-end", "")
  const open = part("a", "btn inv", t("danger.open")), button = part("button", "btn inv", t("danger.seen"))
  open.href = `${boot.board}?call=${row.id}`
  button.type = "button"
  button.dataset.dangerSeen = row.id
  button.addEventListener("click", () => { see(row.id, true); draw() })
  acts.append(open, button)
  box.append(part("i", "ti ti-alert-octagon", ""), part("b", "", `${t("danger")} B-${row.number}`), part("span", "", names.get(row.doctor) ?? ""), acts)
  return box
}
addEventListener("storage", event => event.key === KEY && draw())

// The browser keeps silent until the first touch; the alarm goes on until it is seen.
let audio, ringing
for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => { audio ??= new AudioContext(); audio.resume() }, { once: true })
function ring() {
  if (audio?.state !== "running") return
  ;[988, 740, 988, 740, 988, 740].forEach((pitch, n) => {
    const from = audio.currentTime + n * 0.2, tone = audio.createOscillator(), gain = audio.createGain()
    tone.frequency.value = pitch
    gain.gain.setValueAtTime(0.32, from)
    gain.gain.exponentialRampToValueAtTime(0.001, from + 0.17)
    tone.connect(gain).connect(audio.destination)
    tone.start(from)
    tone.stop(from + 0.18)
  })
}
function alarm(yes) {
  if (yes === Boolean(ringing)) return
  clearInterval(ringing)
  ringing = yes ? setInterval(ring, 4000) : null
  if (yes) ring()
}
