// What every module needs: boot data, words, time, the bus, small DOM helpers.
export const boot = JSON.parse(document.getElementById("boot").textContent)
export const $ = (selector, from = document) => from.querySelector(selector)
export const $$ = (selector, from = document) => [...from.querySelectorAll(selector)]
export const id = name => document.getElementById(name)
export const phone = matchMedia("(max-width: 767px)")
export const icon = name => `<i class="ti ti-${name}" aria-hidden="true"></i>`
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" }
export const esc = text => String(text ?? "").replace(/[&<>"]/g, c => ESCAPES[c])

export const t = (key, values = {}) => (boot.words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "")
const rules = new Intl.PluralRules(boot.lang)
export const plural = (key, n) => t(`${key}.${rules.select(n)}`, { n })

// Moscow keeps one offset, so no table of time zones is asked.
export const clock = (seconds, to = 16) => new Date((seconds + 10800) * 1000).toISOString().slice(11, to)
let ahead = boot.now - Date.now() / 1000
export const now = () => Date.now() / 1000 + ahead
export const setClock = server => { ahead = server - Date.now() / 1000 }
const two = n => String(Math.floor(n)).padStart(2, "0")
export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds)), h = Math.floor(s / 3600)
  if (!h) return `${two(s / 60)}:${two(s % 60)}`
  return h < 24 ? t("hm", { h, m: Math.floor(s % 3600 / 60) }) : t("dh", { d: Math.floor(h / 24), h: h % 24 })
}

// Modules tell of what happened and do not know who listens.
const ears = {}
export const on = (name, ear) => (ears[name] ??= []).push(ear)
export const tell = (name, ...facts) => ears[name]?.forEach(ear => ear(...facts))

export async function ask(path, { headers, ...options } = {}) {
  const sent = fetch(`${boot.base}/${path}`, { ...options, headers: { Accept: "application/json", ...headers } })
  const response = await sent.catch(() => null)
  // Status 0: nobody knows whether it arrived.
  if (!response) return { ok: false, status: 0, body: {} }
  if (response.status === 401) tell("signed-out")
  return { ok: response.ok, status: response.status, body: await response.json().catch(() => ({})) }
}

export function element(html) {
  const box = document.createElement("template")
  box.innerHTML = html
  return box.content.firstElementChild
}

// Put children into this order, moving only those that stand elsewhere.
export function order(box, nodes) {
  let cursor = box.firstElementChild
  for (const node of nodes)
    if (node === cursor) cursor = cursor.nextElementSibling
    else box.insertBefore(node, cursor)
  while (cursor) {
    const next = cursor.nextElementSibling
    cursor.remove()
    cursor = next
  }
}

export function address(values) {
  const url = new URL(location.href)
  for (const [name, value] of Object.entries(values)) value ? url.searchParams.set(name, value) : url.searchParams.delete(name)
  history.replaceState(null, "", url)
}
