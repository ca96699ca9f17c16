// The queue: calls by priority and time left. The order never changes under the hand.
import { $, $$, boot, clock, element, esc, icon, id, now, on, order, plural, span, t, tell } from "./base.js"
import { calls, GROUPS, groupOf, inOrder, isOpen, slaState, state } from "./store.js"
import * as filter from "./filter.js"

const list = id("queue"), pill = id("waiting")
const CSS = { ok: "g", soon: "y", broken: "r" }, ICON = { soon: "clock", broken: "alert-triangle" }
const nodes = new Map(), fresh = new Map(), heads = new Map(), were = new Map()
let hand, handAt = 0, force

export function timer(row) {
  const kind = slaState(row)
  let text = span(now() - row.sla.starts_at)
  if (kind === "off") text = t(`badge.${row.status}`)
  else if (kind === "later") text = t("from", { at: clock(row.sla.starts_at) })
  else if (row.type === "scheduled") text = t("until", { at: clock(row.sla.red_at) })
  return { css: CSS[kind] ?? "w", icon: ICON[kind], text, kind }
}
export const timerHtml = mark => `${mark.icon ? icon(mark.icon) : ""}<b>${esc(mark.text)}</b>`
export const watchersOf = key => state.watchers.filter(w => w.call === key && w.user !== boot.me && w.seen > now() - 45)
export const avatar = w => `<span class="ava xs" title="${esc(t("watching", w))}">${esc(w.initials)}</span>`

export function draw(row) {
  let node = nodes.get(row.id)
  if (node?.drawn !== row.html) {
    const next = element(row.html)
    next.drawn = row.html
    node?.replaceWith(next)
    nodes.set(row.id, node = next)
  }
  const mine = row.id === state.selected, news = fresh.get(row.id)
  for (const [name, yes] of [["is-sel", mine], ["is-new", news], ["is-sending", state.sending.has(row.id)], ["is-out", !filter.passes(row)]])
    node.classList.toggle(name, Boolean(yes))
  node.setAttribute("aria-selected", mine)
  // What is read aloud is put together for the row that is read, not for all of them.
  if (mine) node.setAttribute("aria-label", [`B-${row.number}`, $(".gist", node).textContent, $(".pl", node).textContent,
    row.status === "pending" ? plural("waits", Math.max(0, Math.floor((now() - row.sla.starts_at) / 60))) : "", t(`sla.${slaState(row)}`)].join(", "))
  const who = watchersOf(row.id).map(avatar).join("") + (news === "new" ? `<span class="tag-new">${t("new")}</span>` : "")
  const box = $(".who", node)
  if (box.innerHTML !== who) box.innerHTML = who
  $(".best", node)?.remove()
  if (mine && state.best) node.append(element(state.best))
  tickRow(row, node)
  return node
}

function tickRow(row, node) {
  const mark = timer(row), box = $(".sla", node), was = were.get(row.id)
  were.set(row.id, mark.kind)
  if (box.className !== `sla ${mark.css}`) box.outerHTML = `<span class="sla ${mark.css}" aria-hidden="true">${timerHtml(mark)}</span>`
  else if (box.lastChild.textContent !== mark.text) box.lastChild.textContent = mark.text
  if (was && was !== mark.kind && mark.kind === "broken") tell("broken", row)
  return was && was !== mark.kind
}

export const shown = () => inOrder([...calls.values()].filter(row =>
  row.id === state.selected || (filter.status.has(row.status) && filter.passes(row)) || filter.mustShow(row)))
const inside = row => row.id === state.selected || filter.passes(row)

function head(group, n) {
  if (!heads.has(group)) heads.set(group, element(`<div class="qg" role="presentation"><span>${t(`group.${group}`)}</span><b></b></div>`))
  $("b", heads.get(group)).textContent = n
  return heads.get(group)
}

// Values change at once; comings and goings wait until the hand has left the list.
export function arrange() {
  const rows = shown(), here = new Set($$(".call", list).map(node => node.dataset.id))
  const held = !force && here.size && (hand || Date.now() - handAt < 2000)
  const wanted = new Set(rows.map(row => row.id))
  if (held) {
    for (const key of here) calls.has(key) && draw(calls.get(key))
    const news = rows.filter(row => !here.has(row.id)).length + [...here].filter(key => !wanted.has(key)).length
    pill.hidden = !news
    pill.textContent = `↑ ${plural("waiting_new", news)}`
  } else {
    pill.hidden = true
    const parts = []
    for (const group of [...GROUPS, "outside"]) {
      const members = rows.filter(row => (inside(row) ? groupOf(row) : "outside") === group)
      if (members.length) parts.push(head(group, members.length), ...members.map(draw))
    }
    order(list, parts)
    for (const key of nodes.keys()) if (!wanted.has(key)) nodes.delete(key)
  }
  totals(rows)
}

function totals(rows) {
  const tally = {}
  let broken = 0
  for (const row of calls.values()) {
    tally[row.status] = (tally[row.status] ?? 0) + 1
    if (slaState(row) === "broken") broken++
  }
  const waiting = tally.pending ?? 0
  for (const box of [id("q-count"), id("tab-count")]) box.textContent = waiting
  id("q-red").hidden = !broken
  $("#q-red span").textContent = plural("overdue", broken)
  id("q-empty").hidden = rows.length > 0 || filter.isOn()
  id("q-none").hidden = rows.length > 0 || !filter.isOn()
  for (const box of $$(".leg b")) box.textContent = state.counts[box.dataset.status] ?? tally[box.dataset.status] ?? 0
  document.title = `${broken ? `(${broken}) ` : ""}${boot.title}`
}

export const refresh = (keys = nodes.keys()) => { for (const key of [...keys]) nodes.has(key) && calls.has(key) && draw(calls.get(key)) }
// The dispatcher's own action may move rows: the hand expects it.
export function atOnce() {
  force = true
  arrange()
  force = false
}
export function touched() {
  handAt = Date.now()
  setTimeout(arrange, 2050)
}
export function tick() {
  let turned
  for (const [key, node] of nodes) if (calls.has(key) && tickRow(calls.get(key), node)) turned = true
  if (turned) arrange()
}

on("rows", changes => {
  for (const [key, flash] of changes.calls)
    if (flash) {
      fresh.set(key, nodes.has(key) ? "changed" : "new")
      setTimeout(() => { fresh.delete(key); refresh([key]) }, 4000)
    }
  if (changes.watchers) refresh()
  if (changes.calls.size) arrange()
  for (const key of changes.calls.keys()) if (key !== state.selected && !isOpen(calls.get(key))) calls.delete(key)
})
on("filter", atOnce)

export function start() {
  // The rows that the server drew are adopted as they stand.
  for (const node of $$(".call", list)) nodes.set(node.dataset.id, node)
  list.addEventListener("pointerenter", () => { hand = true })
  list.addEventListener("pointerleave", () => { hand = false; setTimeout(arrange, 50) })
  list.addEventListener("click", event => {
    const node = event.target.closest(".call")
    if (!node || event.target.closest("button")) return
    event.preventDefault()
    tell("select", node.dataset.id)
  })
  pill.addEventListener("click", () => { atOnce(); list.scrollTop = 0 })
}
