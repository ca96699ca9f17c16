// Calls and doctors over a plain drawing, and over tiles where there are some.
import { $, $$, boot, esc, id, on, t, tell } from "./base.js"
import { calls, doctors, slaState, state } from "./store.js"
import { ranked } from "./doctors.js"
import * as filter from "./filter.js"

// Web Mercator at zoom 11, counted from the middle of Moscow.
const WORLD = 524288, box = id("map"), svg = $("svg", box), { atan, sinh, tan, PI, max, min, abs, round } = Math
const mercator = (lon, lat) => ({ x: (lon + 180) / 360 * WORLD, y: (1 - Math.asinh(tan(lat * PI / 180)) / PI) / 2 * WORLD })
const HOME = mercator(37.6173, 55.752), view = { x: 0, y: 0, k: 1.3 }
let w = 700, h = 280, due, pick

function flat(row) {
  if (row?.lat == null) return null
  const p = mercator(row.lon, row.lat)
  return { x: p.x - HOME.x, y: p.y - HOME.y }
}
const seen = p => ({ x: (p.x - view.x) * view.k + w / 2, y: (p.y - view.y) * view.k + h / 2 })
const mark = (p, css, inner, data = "") => `<g class="${css}" transform="translate(${p.x.toFixed()} ${p.y.toFixed()})"${data}>${inner}</g>`
const title = text => `<title>${esc(text)}</title>`

export function follow() {
  const middle = flat(calls.get(state.selected))
  if (middle) {
    const near = (state.candidates?.items ?? []).slice(0, 3).map(flat).filter(Boolean)
    const reach = axis => max(40, ...near.map(p => abs(p[axis] - middle[axis])))
    Object.assign(view, middle, { k: max(0.4, min(3, (w / 2 - 30) / reach("x"), (h / 2 - 24) / reach("y"))) })
  }
  draw()
}

function callMark(row) {
  const place = flat(row), kind = slaState(row)
  if (!place || row.id === state.selected || kind === "off" || !filter.passes(row)) return ""
  return mark(seen(place), `m-call ${{ soon: "y", broken: "r" }[kind] ?? ""}`,
    `<rect x="-6" y="-6" width="12" height="12" rx="2"/>${kind === "broken" ? `<text y="4">!</text>` : ""}${title(`B-${row.number}`)}`, ` data-call="${row.id}"`)
}
function doctorMark(row) {
  const place = flat(row), item = ranked(row.id)
  if (!place || !(item || (row.duty && filter.passesDoctor(row)))) return ""
  const key = item ? `<g class="m-k"><circle cx="10" cy="-9" r="7"/><text x="10" y="-6">${item.rank}</text></g>` : ""
  return mark(seen(place), `m-doc ${row.kind}`, `<circle r="10.5"/><text y="3">${esc(row.initials)}</text>${key}${title(row.name)}`)
}
function way(from, to, css) {
  const a = seen(from), b = seen(to), bend = [(a.x + b.x) / 2 - (b.y - a.y) * 0.12, (a.y + b.y) / 2 + (b.x - a.x) * 0.12]
  return `<path class="m-way ${css}" d="M${a.x} ${a.y}Q${bend} ${b.x} ${b.y}"/>`
}
// A candidate off the map is an arrow on its edge.
function edge(item, place) {
  const p = seen(place), dx = p.x - w / 2, dy = p.y - h / 2, k = min((w / 2 - 40) / abs(dx), (h / 2 - 14) / abs(dy))
  if (abs(dx) < w / 2 && abs(dy) < h / 2) return ""
  return mark({ x: w / 2 + dx * k, y: h / 2 + dy * k }, "m-edge",
    `<path d="M0-6 5 4H-5Z" transform="translate(-24) rotate(${round(Math.atan2(dy, dx) * 180 / PI + 90)})"/><text x="-14" y="4">${item.rank} · ${round(item.km)} ${t("km")}</text>`)
}

function draw() {
  due = 0
  w = box.clientWidth
  h = box.clientHeight
  if (!w) return
  svg.setAttribute("viewBox", `0 0 ${w} ${h}`)
  id("m-base").setAttribute("transform", `translate(${w / 2} ${h / 2}) scale(${view.k}) translate(${-view.x} ${-view.y})`)
  const call = calls.get(state.selected), target = flat(call), parts = []
  if (view.k > 0.6) for (const [name, lon, lat] of boot.places) parts.push(mark(seen(flat({ lon, lat })), "m-d", `<text>${esc(name)}</text>`))
  const spots = (state.candidates?.items ?? []).filter(item => item.rank <= 9)
    .map(item => [item, flat(doctors.get(item.id)) ?? flat(item)]).filter(([, place]) => place && target)
  for (const [item, place] of spots) if (item.rank <= 3 || item.id === state.preview) parts.push(way(place, target, (state.preview ?? state.candidates.items[0].id) === item.id ? "w1" : ""))
  parts.push(...[...calls.values()].map(callMark), ...[...doctors.values()].map(doctorMark))
  if (target) parts.push(mark(seen(target), "m-sel", `<circle class="halo" r="20"/><path d="M0 0C-4-7-11-12-11-19a11 11 0 0 1 22 0C11-12 4-7 0 0Z"/><text y="-13">!</text>`))
  for (const [item, place] of spots) parts.push(edge(item, place))
  id("marks").innerHTML = parts.join("")
  id("map-h").hidden = !call
  if (call) id("map-h").innerHTML = `<b>B-${call.number}</b> ${esc(target ? call.district ?? "" : t("no_point"))}`
  if (boot.tiles) id("tiles").innerHTML = tiles()
}
const later = () => { due ||= requestAnimationFrame(draw) }

function tiles() {
  const zoom = max(0, round(11 + Math.log2(view.k))), n = 256 * 2 ** (11 - zoom), side = n * view.k, parts = []
  const left = view.x + HOME.x - w / 2 / view.k, top = view.y + HOME.y - h / 2 / view.k
  for (let x = Math.floor(left / n); x * n < left + w / view.k; x++)
    for (let y = Math.floor(top / n); y * n < top + h / view.k; y++) {
      const src = boot.tiles.replace("{z}", zoom).replace("{x}", x).replace("{y}", y).replace("{s}", "abc"[(x + y) % 3])
      parts.push(`<image href="${esc(src)}" x="${(x * n - left) * view.k}" y="${(y * n - top) * view.k}" width="${side}" height="${side}"/>`)
    }
  return parts.join("")
}

function zoom(factor, x = w / 2, y = h / 2) {
  const k = min(12, max(0.2, view.k * factor)), shift = 1 / view.k - 1 / k
  Object.assign(view, { x: view.x + (x - w / 2) * shift, y: view.y + (y - h / 2) * shift, k })
  later()
}
export function fold() {
  document.documentElement.classList.toggle("is-mapless")
  later()
}

for (const news of ["rows", "filter", "preview", "selected"]) on(news, later)
on("candidates", follow)
on("place", done => {
  pick = done
  box.classList.add("is-pointing")
})

export function start() {
  let from, moved
  new ResizeObserver(later).observe(box)
  svg.addEventListener("pointerdown", event => { from = event; moved = 0 })
  addEventListener("pointerup", () => { from = null })
  svg.addEventListener("pointermove", event => {
    if (!from) return
    moved += abs(event.movementX) + abs(event.movementY)
    view.x -= event.movementX / view.k
    view.y -= event.movementY / view.k
    later()
  })
  svg.addEventListener("wheel", event => {
    event.preventDefault()
    zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.offsetX, event.offsetY)
  }, { passive: false })
  svg.addEventListener("click", ({ target, offsetX, offsetY }) => {
    const call = target.closest("[data-call]")
    if (moved > 4) return
    if (pick) {
      const x = (offsetX - w / 2) / view.k + view.x + HOME.x, y = (offsetY - h / 2) / view.k + view.y + HOME.y
      pick({ longitude: x / WORLD * 360 - 180, latitude: atan(sinh(PI * (1 - 2 * y / WORLD))) * 180 / PI })
      pick = null
      box.classList.remove("is-pointing")
    } else if (call) tell("select", call.dataset.call)
  })
  for (const button of $$("[data-map]", box))
    button.addEventListener("click", () => button.dataset.map === "home" ? follow() : zoom(button.dataset.map === "in" ? 1.4 : 1 / 1.4))
}
