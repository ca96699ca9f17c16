// One conversation before the dispatcher's eyes. It is told that something is new and
// asks for what comes after the last number it has, so nothing is lost or shown twice.
import { boot, get, post, t } from "./net.js"
import { Composer } from "./compose.js"
import { List } from "./list.js"
import { Outbox } from "./outbox.js"

const NEAR = 60

export class Pane {
  // `closed` and `unread` are told when the pane is left and how much waits unread.
  constructor(root, { closed, unread } = {}) {
    const $ = name => root.querySelector(`[data-chat-${name}]`)
    Object.assign(this, { root, $, closed, unread, scroll: $("scroll"), news: $("news"), list: new List($("list")) })
    this.outbox = new Outbox(this.list, () => this.catchUp())
    this.composer = new Composer($("form"), (...said) => this.say(...said))
    this.scroll.addEventListener("scroll", () => { this.stays = this.isAtEnd(); this.seen() }, { passive: true })
    // A picture that has just got its height must not push the end out of sight.
    $("list").addEventListener("load", () => this.stays && this.toEnd(), true)
    // Nor may a message that failed, or a growing composer.
    const growing = new ResizeObserver(() => this.stays && this.toEnd())
    for (const each of [this.scroll, $("list")]) growing.observe(each)
    this.news.addEventListener("click", () => this.toEnd(true))
    $("older").addEventListener("click", () => this.older())
    $("close")?.addEventListener("click", () => this.close())
    $("list").addEventListener("click", event => this.click(event))
    root.addEventListener("keydown", event => this.key(event))
    for (const name of ["focus", "visibilitychange"]) addEventListener(name, () => this.seen())
    this.dropping()
    this.hiding()
    $("large").addEventListener("click", () => $("large").close())
  }

  get isOpen() {
    return !this.root.hidden
  }

  // Whoever opens a conversation reads it: the server journals the first request.
  async open(call, focus = true) {
    this.root.hidden = false
    if (this.call !== call) {
      this.blank()
      this.call = call
      const drawn = this.root.dataset.call === call
      this.root.dataset.call = call
      this.composer.open(call)
      // What is said before the answer comes already knows where it belongs.
      this.outbox.open(call)
      const { ok, body, status } = await get(`${call}/chat`)
      if (this.call !== call) return
      this.error(ok ? "" : body.detail ?? t("failed"))
      if (!ok) {
        // Without an answer the next news opens it anew; a refusal stays.
        if (!status || status >= 500) this.call = null
        return
      }
      if (drawn) this.list.clear()
      this.facts(body)
      this.list.add(body.messages)
      this.read = body.mine
      this.ready = true
      this.outbox.draw()
      this.settle(body)
      const line = body.unread ? this.list.drawUnread(body.mine) : null
      if (line) this.scroll.scrollTop = line.offsetTop - this.scroll.clientHeight / 3
      else this.toEnd()
      this.seen()
      if (this.more) this.catchUp()
    }
    if (focus && !this.composer.form.hidden) this.composer.focus()
  }
  close() {
    this.root.hidden = true
    this.closed?.()
  }
  // Nothing of another call may stand here while this one loads.
  blank() {
    this.call = null
    this.ready = this.more = false
    this.list.clear()
    this.news.hidden = true
    this.$("typing").textContent = ""
    this.$("empty").hidden = true
    this.$("older").hidden = true
    this.error("")
  }
  error(text) {
    this.$("error").textContent = text
    this.$("error").hidden = !text
  }

  facts(body) {
    const { number, people, closed, call } = body
    this.$("number").textContent = `B-${number}`
    this.outbox.numbered(number)
    this.$("people").replaceChildren(...people.map(each => {
      const who = document.createElement("span"), mark = document.createElement("i"), word = document.createElement("span")
      who.className = `who-${each.role}`
      mark.className = `ti ti-${each.role === "doctor" ? "stethoscope" : "user"}`
      mark.ariaHidden = "true"
      word.className = "vh"
      word.textContent = each.word
      who.append(mark, word, each.name)
      return who
    }))
    const whole = this.$("whole")
    if (this.$("close")) whole.href = `${boot.base}${call}/chat`
    this.$("form").hidden = closed
    this.$("closed").hidden = !closed
    this.$("form").action = `${boot.base}${call}/chat/send`
  }
  settle(body) {
    this.list.mark(body.read)
    this.list.hide(body.hidden)
    this.outbox.arrived(new Set(body.messages.map(each => each.client_id).filter(Boolean)))
    this.read = Math.max(this.read ?? 0, body.mine)
    this.$("empty").hidden = Boolean(this.list.last || this.outbox.here.length)
    this.$("older").hidden = this.list.first <= 1
  }

  // One question at a time; what is announced meanwhile is asked for after it.
  async catchUp() {
    if (!this.ready || this.asking) return (this.more = true, this.asking)
    this.more = false
    this.asking = this.ask()
    await this.asking
    this.asking = null
    if (this.more) return this.catchUp()
  }
  async ask() {
    for (let full = true; full;) {
      const call = this.call, { ok, body } = await get(`${call}/chat?after_seq=${this.list.last}`, true)
      if (!ok || call !== this.call) return
      const atEnd = this.isAtEnd(), news = this.list.add(body.messages)
      full = body.messages.length >= 100
      this.facts(body)
      this.settle(body)
      const theirs = news.some(node => !node.matches(".is-mine"))
      if (news.some(node => !node.matches(".is-desk,.m-system"))) this.$("typing").textContent = ""
      if (atEnd || (news.length && !theirs)) this.toEnd()
      else if (theirs) this.news.hidden = false
      this.seen()
    }
  }
  heard(news) {
    this.unread?.(news)
    if (news.call === this.call && this.isOpen) this.catchUp()
  }
  // The link was lost and is back: whatever was missed comes now, what failed goes out.
  restored({ calls = [] } = {}) {
    for (const { id, unread } of calls) this.unread?.({ call: id, unread })
    if (!this.isOpen) return
    if (!this.call && this.root.dataset.call) return this.open(this.root.dataset.call, false)
    this.catchUp()
    this.outbox.restored()
  }
  typing({ call, role }) {
    if (call !== this.call || !this.isOpen) return
    this.$("typing").textContent = t(`typing.${role}`)
    clearTimeout(this.quiet)
    this.quiet = setTimeout(() => { this.$("typing").textContent = "" }, 6000)
  }

  isAtEnd() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroll
    return scrollHeight - scrollTop - clientHeight < NEAR
  }
  toEnd(smooth) {
    this.scroll.scrollTo({ top: this.scroll.scrollHeight, behavior: smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches ? "smooth" : "instant" })
    this.news.hidden = true
    this.stays = true
  }
  // Read is what stood whole in a window that somebody looks at.
  seen() {
    if (this.isAtEnd()) this.news.hidden = true
    if (!this.call || !this.isOpen || document.hidden || !document.hasFocus()) return
    clearTimeout(this.looking)
    this.looking = setTimeout(() => this.markRead(), 250)
  }
  async markRead() {
    const { bottom } = this.scroll.getBoundingClientRect()
    const whole = this.list.messages.filter(node => node.getBoundingClientRect().bottom <= bottom + 8).at(-1)
    const seq = Number(whole?.dataset.seq ?? 0)
    if (seq <= this.read || document.hidden || !document.hasFocus() || !this.isOpen) return
    const was = this.read
    this.read = seq
    const { ok } = await post(`${this.call}/chat/read`, { up_to_seq: seq })
    if (!ok) this.read = was
  }
  async older() {
    const call = this.call, { ok, body } = await get(`${call}/chat?before_seq=${this.list.first}`)
    if (!ok || call !== this.call) return
    const was = this.scroll.scrollHeight - this.scroll.scrollTop
    this.list.add(body.messages)
    this.settle(body)
    this.scroll.scrollTop = this.scroll.scrollHeight - was
  }

  say(text, file, picture) {
    this.$("empty").hidden = true
    this.outbox.add(text, file, picture)
    this.toEnd()
  }
  click(event) {
    const button = event.target.closest("button[data-out]"), large = event.target.closest("[data-large]"), hide = event.target.closest("[data-hide]")
    if (button?.dataset.out === "again") this.outbox.retry()
    else if (button) this.composer.put(this.outbox.drop(button.closest(".msg").dataset.out))
    if (!large && !hide) return
    event.preventDefault()
    if (hide) return this.askHide(hide)
    const dialog = this.$("large"), picture = dialog.querySelector("img"), small = large.querySelector("img")
    picture.src = small.src
    picture.alt = small.alt
    dialog.showModal()
  }
  // Keys pressed in here are the pane's own: none of them may assign a doctor.
  key(event) {
    event.stopPropagation()
    if (event.key !== "Escape" || event.target.closest("dialog")) return
    if (!this.composer.closeMenu() && this.$("close")) this.close()
    event.preventDefault()
  }

  askHide(link) {
    const dialog = this.$("hiding"), message = link.closest(".msg")
    this.hidden = link.dataset.hide
    dialog.querySelector("blockquote").textContent = message.querySelector(".msg-text")?.textContent ?? t("picture")
    dialog.querySelector("[role=alert]").hidden = true
    dialog.querySelector("form").reset()
    dialog.showModal()
    dialog.querySelector("input").focus()
  }
  hiding() {
    const dialog = this.$("hiding"), reason = dialog.querySelector("input"), why = dialog.querySelector("[role=alert]")
    dialog.addEventListener("click", event => {
      if (event.target.dataset.why) reason.value = event.target.dataset.why
      if (event.target === dialog) dialog.close()
    })
    dialog.querySelector("form").addEventListener("submit", async event => {
      event.stopPropagation()
      if (event.submitter?.value !== "hide" && event.submitter) return
      event.preventDefault()
      const { ok, body } = await post(`${this.call}/chat/${this.hidden}/hide`, { reason: reason.value })
      why.textContent = ok ? "" : body.detail ?? t("unsent")
      why.hidden = ok
      if (ok) dialog.close()
      this.catchUp()
    })
  }
  dropping() {
    const over = yes => this.root.classList.toggle("is-over", yes)
    this.root.addEventListener("dragover", event => { event.preventDefault(); over(true) })
    this.root.addEventListener("dragleave", event => event.relatedTarget && this.root.contains(event.relatedTarget) || over(false))
    this.root.addEventListener("drop", event => { event.preventDefault(); over(false); this.composer.take(event.dataTransfer.files) })
  }
}
