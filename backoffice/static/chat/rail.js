// What stands beside «Чаты» on every page: how much waits unread, and what was not sent.
// Unsent words are kept in this browser, apart for each member of staff.
const me = document.querySelector('meta[name="staff"]')?.content ?? "", PREFIX = `tot.unsent.${me}.`
const SETTLE = 1500
let due

// The number is the server's; a page only repeats it.
export function waiting(n) {
  if (!Number.isInteger(n)) return
  for (const box of document.querySelectorAll("[data-talks]")) {
    box.textContent = n
    box.hidden = !n
  }
}

export function keepUnsent(call, number, items) {
  try {
    items.length ? localStorage.setItem(PREFIX + call, JSON.stringify({ number, items })) : localStorage.removeItem(PREFIX + call)
  } catch { /* a browser without storage keeps nothing */ }
  // What is only on its way is gone before anybody need be told.
  clearTimeout(due)
  due = setTimeout(draw, SETTLE)
}
export function unsentOf(call) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + call))?.items ?? []
  } catch {
    return []
  }
}
export function unsent() {
  const found = []
  try {
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(PREFIX)) continue
      const { number, items } = JSON.parse(localStorage.getItem(key))
      found.push({ call: key.slice(PREFIX.length), number, count: items.length })
    }
  } catch { /* see above */ }
  return found
}

export function draw() {
  const found = unsent(), list = document.getElementById("unsent")
  for (const box of document.querySelectorAll("[data-unsent]")) box.hidden = !found.length
  if (!list) return
  for (const mark of document.querySelectorAll(".talk [data-unsent-here]")) mark.hidden = !found.some(each => each.call === mark.dataset.unsentHere)
  const listed = new Set([...document.querySelectorAll(".talk [data-unsent-here]")].map(each => each.dataset.unsentHere))
  const rest = found.filter(each => !listed.has(each.call))
  list.hidden = !rest.length
  list.querySelector("p").replaceChildren(...rest.flatMap(({ call, number }) => {
    const link = document.createElement("a")
    link.className = "link"
    link.href = `/admin/calls/${call}/chat`
    link.textContent = number ? `B-${number}` : list.dataset.call
    return [link, " "]
  }))
}
addEventListener("storage", event => event.key?.startsWith(PREFIX) && draw())
addEventListener("pageshow", draw)
draw()
