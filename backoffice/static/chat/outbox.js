// What was said here and is not known to have arrived: sent in order, never twice.
import { keep, kept, post, t } from "./net.js"

export class Outbox {
  constructor(list, sent) {
    Object.assign(this, { list, sent, items: [] })
  }

  open(call) {
    this.call = call
    this.items = (kept(`out.${call}`) ?? []).map(each => ({ ...each, call }))
    this.draw()
    this.flush()
  }
  add(text, file, picture) {
    this.items.push({ id: crypto.randomUUID(), call: this.call, text, file, picture })
    this.save()
    this.draw()
    this.flush()
  }
  // A file cannot be kept over a refresh; the words can.
  save() {
    keep(`out.${this.call}`, this.items.filter(each => !each.file).map(({ id, text, why }) => ({ id, text, why })))
  }
  arrived(names) {
    const left = this.items.filter(each => !names.has(each.id))
    if (left.length === this.items.length) return
    this.items = left
    this.save()
    this.draw()
  }

  // One at a time, so that the order stays; the name makes a repetition harmless.
  async flush(again) {
    if (again) for (const each of this.items) if (each.lost) each.why = each.lost = undefined
    if (this.busy) return
    this.busy = true
    for (let item; (item = this.items.find(each => !each.why && !each.done));) {
      const fields = new FormData()
      fields.set("client_id", item.id)
      fields.set("text", item.text)
      if (item.file) fields.set("picture", item.file)
      const { ok, status, body } = await post(`${item.call}/chat/send`, fields)
      if (ok) item.done = true
      else {
        item.lost = !status || status >= 500
        item.why = item.lost ? t("no_answer") : body.detail ?? body.title ?? t("unsent")
        // Those behind it wait with it, or they would overtake.
        if (item.lost) for (const each of this.items) each.why ??= (each.lost = true, item.why)
      }
      if (item.call !== this.call) continue
      this.save()
      this.draw()
      if (ok) await this.sent()
    }
    this.busy = false
  }
  retry() {
    for (const each of this.items) each.why = each.lost = undefined
    this.draw()
    this.flush()
  }
  drop(id) {
    const item = this.items.find(each => each.id === id)
    this.arrived(new Set([id]))
    return item?.text ?? ""
  }

  draw() {
    for (const node of this.list.node.querySelectorAll(".is-pending")) node.remove()
    for (const item of this.items) this.list.node.append(bubble(item))
  }
}

function part(tag, css, text) {
  const node = document.createElement(tag)
  node.className = css
  if (text) node.textContent = text
  return node
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
    foot.append(part("span", "msg-why", `${t("unsent")}: ${item.why}`))
    for (const act of ["again", "drop"]) {
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
