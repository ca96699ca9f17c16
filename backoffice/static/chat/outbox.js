// What was said here and is not known to have arrived: sent in order, never twice.
import { boot, post, t } from "./net.js"
import { keepUnsent, unsentOf } from "./rail.js"

export class Outbox {
  constructor(list, sent) {
    Object.assign(this, { list, sent, items: [], sending: new Set(), numbers: new Map() })
    // Words are kept; a picture that still waits would be lost with the page.
    addEventListener("beforeunload", event => this.items.some(each => each.file && !each.done) && event.preventDefault())
  }

  // Messages of a call that was left stay here until they have gone.
  open(call) {
    this.call = call
    const known = new Set(this.items.map(each => each.id))
    for (const each of unsentOf(call)) if (!known.has(each.id)) this.items.push({ ...each, call, old: Boolean(each.why), why: each.picture_name ? "picture" : each.why })
    this.draw()
    this.flush(call)
  }
  get here() {
    return this.items.filter(each => each.call === this.call)
  }
  add(text, file, picture) {
    const { call } = this
    this.items.push({ id: crypto.randomUUID(), call, text, file, picture })
    this.save(call)
    this.draw()
    this.flush(call)
  }
  numbered(number) {
    this.numbers.set(this.call, number)
  }
  // Of a picture only its name outlives the page, so that its loss is told.
  save(call) {
    const items = this.items.filter(each => each.call === call && !each.done)
    keepUnsent(call, this.numbers.get(call), items.map(({ id, text, why, said, lang, lost, file, picture_name }) => ({ id, text, why, said, lang, lost, picture_name: file?.name ?? picture_name })))
  }
  arrived(names) {
    const gone = this.items.filter(each => names.has(each.id))
    if (!gone.length) return
    this.items = this.items.filter(each => !names.has(each.id))
    for (const call of new Set(gone.map(each => each.call))) this.save(call)
    this.draw()
  }

  // One at a time in each call, so that the order stays; the name makes a repetition
  // harmless. Which call is looked at meanwhile does not matter.
  async flush(call) {
    if (this.sending.has(call)) return
    this.sending.add(call)
    for (let item; (item = this.items.find(each => each.call === call && !each.why && !each.done));) {
      const fields = new FormData()
      fields.set("client_id", item.id)
      fields.set("text", item.text)
      if (item.file) fields.set("picture", item.file)
      const { ok, status, body } = await post(`${call}/chat/send`, fields)
      if (ok) item.done = true
      else this.failed(item, status, body)
      this.save(call)
      if (ok && call !== this.call) this.items = this.items.filter(each => each !== item)
      this.draw()
      if (ok && call === this.call) await this.sent()
    }
    this.sending.delete(call)
  }
  // The reason is a code: its words are drawn in the language of the page.
  failed(item, status, body) {
    item.lost = !status || status >= 500
    item.why = item.lost ? "no_answer" : "refused"
    if (!item.lost) Object.assign(item, { said: body.detail ?? body.title, lang: boot.lang })
    // Those behind it wait with it, or they would overtake.
    if (item.lost) for (const each of this.items) if (each.call === item.call && !each.why && !each.done) Object.assign(each, { lost: true, why: item.why })
  }
  // The link is back: what no answer came to goes out, in whichever call it was said.
  // What failed on an earlier page may be stale, so its author decides.
  restored() {
    for (const each of this.items) if (each.lost && !each.old && each.why === "no_answer") each.why = each.lost = undefined
    for (const call of new Set(this.items.map(each => each.call))) this.flush(call)
  }
  retry() {
    for (const each of this.here) if (each.why !== "picture") each.why = each.lost = each.old = undefined
    this.draw()
    this.flush(this.call)
  }
  drop(id) {
    const item = this.items.find(each => each.id === id)
    this.arrived(new Set([id]))
    return item?.text ?? ""
  }

  draw() {
    for (const node of this.list.node.querySelectorAll(".is-pending")) node.remove()
    for (const item of this.here) this.list.node.append(bubble(item))
  }
}

function part(tag, css, text) {
  const node = document.createElement(tag)
  node.className = css
  if (text) node.textContent = text
  return node
}
function reason({ why, said, lang, picture_name }) {
  if (why === "picture") return `${t("picture_lost")} (${picture_name})`
  return why === "refused" && said && lang === boot.lang ? said : t(why)
}
function bubble(item) {
  const node = part("li", `msg is-desk is-mine is-pending${item.why ? " is-failed" : ""}`), box = part("div", "bub")
  node.dataset.out = item.id
  if (item.picture) {
    const picture = part("img", "msg-mini")
    picture.src = item.picture
    picture.alt = item.file?.name ?? ""
    box.append(picture)
  }
  if (item.text) box.append(part("p", "msg-text", item.text))
  const foot = part("p", "msg-foot")
  if (item.why) {
    foot.append(part("span", "msg-why", `${t("unsent")}: ${reason(item)}`))
    for (const act of item.why === "picture" ? ["drop"] : ["again", "drop"]) {
      const button = part("button", "btn sm", t(act))
      button.type = "button"
      button.dataset.out = act
      foot.append(button)
    }
  } else foot.append(part("i", `ti ti-${item.done ? "check" : "clock"}`), part("span", "vh", t("sending")))
  box.append(foot)
  node.append(box)
  return node
}
