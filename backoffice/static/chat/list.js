// The messages of one conversation as nodes, in the order of their numbers.
import { t } from "./net.js"

const TOGETHER = 300000

export class List {
  constructor(node) {
    this.node = node
  }

  get messages() {
    return [...this.node.querySelectorAll(".msg[data-seq]")]
  }
  get first() {
    return Number(this.messages[0]?.dataset.seq ?? 0)
  }
  get last() {
    return Number(this.messages.at(-1)?.dataset.seq ?? 0)
  }
  clear() {
    this.node.replaceChildren()
  }

  // Numbers have no gaps and come in order: what is new stands behind or before.
  add(messages) {
    const news = []
    for (const { seq, html } of messages) {
      if (this.find(seq)) continue
      const box = document.createElement("template")
      box.innerHTML = html
      const node = box.content.querySelector("li"), next = this.messages.find(each => Number(each.dataset.seq) > seq)
      this.node.insertBefore(node, next ?? this.node.querySelector(".is-pending"))
      news.push(node)
    }
    if (news.length) this.dress()
    return news
  }
  find(seq) {
    return this.node.querySelector(`#m${Number(seq)}`)
  }

  // Days stand between, and messages of one person within five minutes stand together.
  dress() {
    for (const line of this.node.querySelectorAll(".day")) line.remove()
    let before
    for (const node of this.messages) {
      if (before?.dataset.day !== node.dataset.day) {
        const day = document.createElement("li"), name = document.createElement("span")
        day.className = "day"
        name.textContent = node.dataset.dayName
        day.append(name)
        this.node.insertBefore(day, node.previousElementSibling?.matches(".unread-line") ? node.previousElementSibling : node)
        before = null
      }
      const time = node.querySelector("time")?.textContent
      node.classList.toggle("is-next", Boolean(before) && before.dataset.who === node.dataset.who && near(before.querySelector("time")?.textContent, time))
      before = node
    }
  }

  // A line before the first unread message, set once when the conversation is opened.
  drawUnread(after) {
    const first = this.messages.find(node => Number(node.dataset.seq) > after && !node.matches(".is-desk,.m-system,.is-hidden"))
    if (!first) return null
    const line = document.createElement("li"), name = document.createElement("span")
    line.className = "unread-line"
    name.textContent = t("news")
    line.append(name)
    this.node.insertBefore(line, first)
    return line
  }

  mark(read) {
    for (const mark of this.node.querySelectorAll(".mk:not(.is-read)")) {
      const of = mark.dataset.of
      if (Number(mark.closest(".msg").dataset.seq) > (read[of] ?? -1)) continue
      mark.classList.add("is-read")
      mark.lastElementChild.textContent = mark.title = t(`read.${of}.yes`)
      mark.children[1].className = "ti ti-checks"
    }
  }
  hide(hidden) {
    for (const [seq, words] of Object.entries(hidden)) {
      const node = this.find(seq)
      if (!node || node.matches(".is-hidden")) continue
      node.classList.add("is-hidden")
      node.querySelector(".msg-hid").textContent = words
      node.querySelector(".msg-hide")?.remove()
    }
  }
}

const minutes = clock => clock ? clock.split(":").reduce((hours, rest) => hours * 60 + Number(rest), 0) : NaN
const near = (one, other) => Math.abs(minutes(one) - minutes(other)) * 60000 <= TOGETHER
