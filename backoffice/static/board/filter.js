// Filters narrow queue, rows and map together; they live in the address.
import { $, $$, address, esc, id, on, t, tell } from "./base.js"
import { calls, doctors, slaState } from "./store.js"

export let status, specs, area, doctor, found = ""
const many = (query, name) => new Set((query.get(name) ?? "").split(",").filter(Boolean))
function read() {
  const query = new URLSearchParams(location.search)
  status = many(query, "status")
  if (!status.size) status.add("pending")
  specs = many(query, "spec")
  area = (query.get("area") ?? "").trim().toLowerCase()
  if (area.length < 2) area = ""
  doctor = query.get("doctor") ?? ""
}
read()

export const isOn = () => Boolean(specs.size || area || doctor || found || status.size > 1 || !status.has("pending"))
export function passes(row) {
  if (!row || (specs.size && !specs.has(row.spec)) || (doctor && row.doctor !== doctor)) return false
  if (area && !(row.district ?? "").toLowerCase().includes(area)) return false
  return !found || id(`c-${row.id}`)?.textContent.toLowerCase().includes(found) || String(row.number).includes(found.replace(/^[bб]-?/, ""))
}
// A filter never hides an emergency or a broken deadline.
export const mustShow = row => row.status === "pending" && status.has("pending") && (row.priority === "emergency" || slaState(row) === "broken")
export function passesDoctor(row) {
  if (doctor) return row.id === doctor
  return (!specs.size || row.specs.some(spec => specs.has(spec))) && (!area || row.calls.some(call => passes(calls.get(call))))
}

function change(values) {
  address(values)
  read()
  paint()
  tell("filter")
}
export function clear() {
  id("search").value = found = ""
  change({ spec: "", area: "", doctor: "", status: "" })
}
function paint() {
  for (const box of $$("#f-spec input")) box.checked = specs.has(box.value)
  if (document.activeElement !== id("f-area")) id("f-area").value = area
  id("f-doctor").value = doctors.get(doctor)?.name ?? ""
  for (const leg of $$("button.leg")) leg.setAttribute("aria-pressed", isOn() && status.has(leg.dataset.status))
  id("chips").textContent = [...[...specs].map(s => t(`spec.${s}`)), area && `«${area}»`, doctors.get(doctor)?.name].filter(Boolean).join(" · ")
  id("f-clear").hidden = !isOn()
}

export function start() {
  for (const leg of $$("button.leg"))
    leg.addEventListener("click", () => {
      const next = new Set(status)
      if (!next.delete(leg.dataset.status)) next.add(leg.dataset.status)
      change({ status: [...next].join(",").replace(/^pending$/, "") })
    })
  id("f-spec").addEventListener("change", () => change({ spec: $$("#f-spec :checked").map(box => box.value).join(",") }))
  id("f-area").addEventListener("input", event => change({ area: event.target.value }))
  id("f-doctor").addEventListener("change", event => change({ doctor: [...doctors.values()].find(row => row.name === event.target.value)?.id }))
  for (const button of $$("[data-clear]")) button.addEventListener("click", clear)
  id("search").addEventListener("input", event => {
    found = event.target.value.trim().toLowerCase()
    paint()
    tell("filter")
  })
  // One letter would list everything, so searching all calls asks for three.
  $(".search").addEventListener("submit", event => found.length < 3 && event.preventDefault())
  on("ready", () => {
    id("doctor-names").innerHTML = [...doctors.values()].map(row => `<option value="${esc(row.name)}">`).join("")
    paint()
  })
}
