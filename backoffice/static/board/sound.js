// Sounds without files. The browser keeps silent until a click, and the button says so.
import { boot, icon, id, now, on, t } from "./base.js"

const button = id("sound")
let audio, wanted = localStorage.getItem("board-sound") === "1", last = 0
const rung = new Set()

function paint() {
  const state = !wanted ? "off" : audio?.state === "running" ? "on" : "wait"
  button.setAttribute("aria-pressed", state === "on")
  button.setAttribute("aria-label", button.title = t(`sound.${state}`))
  button.title += " (M)"
  button.classList.toggle("is-waiting", state === "wait")
  const html = icon(state === "off" ? "volume-off" : "volume")
  // Drawn anew between press and release, the button would never be clicked.
  if (button.drawn !== html) button.innerHTML = button.drawn = html
}
function wake() {
  audio ??= new AudioContext()
  audio.onstatechange = paint
  audio.resume().then(paint)
}
function play(tones, loud = 0.18) {
  if ((!wanted && loud < 0.3) || audio?.state !== "running") return
  tones.forEach((pitch, n) => {
    const from = audio.currentTime + n * 0.2, tone = audio.createOscillator(), gain = audio.createGain()
    tone.frequency.value = pitch
    gain.gain.setValueAtTime(loud, from)
    gain.gain.exponentialRampToValueAtTime(0.001, from + 0.17)
    tone.connect(gain).connect(audio.destination)
    tone.start(from)
    tone.stop(from + 0.18)
  })
}
export function toggle() {
  wanted = !wanted
  localStorage.setItem("board-sound", wanted ? "1" : "0")
  if (wanted) wake()
  paint()
  setTimeout(play, 150, [880])
}

on("broken", row => {
  if (rung.has(row.id) || now() - last < 10) return
  rung.add(row.id)
  last = now()
  play([880, 880])
})
on("new-call", row => row.priority === "emergency" && play([660, 880, 1175]))
// Softer and lower than a call; a burst of messages is heard once.
let told = 0
on("message", () => {
  if (Date.now() - told > 3000) play([523, 659], 0.08)
  told = Date.now()
})
// The alarm of a doctor in danger goes on until it is seen, even where sound is off.
let alarm
on("danger", yes => {
  if (yes === Boolean(alarm)) return
  if (!yes) return (clearInterval(alarm), alarm = null)
  const ring = () => play([988, 740, 988, 740, 988, 740], 0.32)
  ring()
  alarm = setInterval(ring, 4000)
})
on("stale", () => play([660, 440]))
on("restored", () => play([440, 660]))

export function start() {
  button.addEventListener("click", toggle)
  for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, wake, { once: true })
  paint()
}
