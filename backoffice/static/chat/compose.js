// The line where one writes: ready answers, a picture, and what is kept of it.
import { boot, keep, kept, post, t } from "./net.js"

const TYPING_EVERY = 3000

export class Composer {
  constructor(form, say) {
    const $ = name => form.querySelector(name)
    Object.assign(this, { form, say, text: $("textarea"), file: $("input[type=file]"), menu: $("[data-chat-replies]"), thumb: $("[data-chat-thumb]"), quick: $("[data-chat-quick]"), told: 0 })
    form.addEventListener("submit", event => { event.preventDefault(); event.stopPropagation(); this.send() })
    this.text.addEventListener("input", () => this.changed())
    this.text.addEventListener("keydown", event => this.key(event))
    this.text.addEventListener("paste", event => this.take(event.clipboardData.files) && event.preventDefault())
    this.file.addEventListener("change", () => this.take(this.file.files))
    this.quick.addEventListener("click", () => this.menu.hidden ? this.openMenu() : this.closeMenu())
    this.menu.addEventListener("click", event => this.insert(event.target.closest("[data-n]")?.dataset.n))
    this.menu.addEventListener("keydown", event => this.menuKey(event))
    $("[data-chat-thumb] button").addEventListener("click", () => this.drop())
  }

  open(call) {
    this.call = call
    this.drop()
    this.closeMenu()
    // What a refused form of the page without script held is the first draft.
    this.text.value = kept(`draft.${call}`) ?? (this.used ? "" : this.text.value)
    this.used = true
    this.grow()
  }
  focus() {
    this.text.focus({ preventScroll: true })
  }
  put(text) {
    this.text.value = [text, this.text.value].filter(Boolean).join("\n")
    this.changed(true)
    this.focus()
  }

  changed(quiet) {
    keep(`draft.${this.call}`, this.text.value)
    this.grow()
    if (quiet || !this.text.value.trim() || Date.now() - this.told < TYPING_EVERY) return
    this.told = Date.now()
    post(`${this.call}/chat/typing`)
  }
  // As tall as the text; the height is set through CSSOM, which the policy permits.
  grow() {
    this.text.style.height = "auto"
    this.text.style.height = `${Math.min(this.text.scrollHeight + 2, 168)}px`
  }
  key(event) {
    if (event.isComposing) return
    const n = Number(event.code.match(/^Digit([1-9])$/)?.[1])
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault()
      this.send()
    } else if (event.key === "/" && !this.text.value) {
      event.preventDefault()
      this.openMenu()
    } else if (event.altKey && n) {
      event.preventDefault()
      this.insert(n - 1)
    }
  }

  send() {
    const text = this.text.value.trim()
    if (!text && !this.picked) return
    this.say(text, this.picked, this.preview)
    this.text.value = ""
    this.told = 0
    this.drop()
    this.changed(true)
    this.focus()
  }

  take(files) {
    const file = [...files ?? []].find(each => /^image\//.test(each.type))
    if (!file) return false
    this.picked = file
    const reader = new FileReader()
    // The policy admits data: and not blob:.
    reader.onload = () => {
      this.preview = reader.result
      this.thumb.querySelector("img").src = reader.result
    }
    reader.readAsDataURL(file)
    this.thumb.querySelector("span").textContent = file.name
    this.thumb.hidden = false
    this.focus()
    return true
  }
  drop() {
    this.picked = this.preview = undefined
    this.file.value = ""
    this.thumb.hidden = true
    this.thumb.querySelector("img").removeAttribute("src")
  }

  openMenu() {
    this.menu.replaceChildren(...boot.replies.map((text, n) => {
      const row = document.createElement("button"), key = document.createElement("kbd"), words = document.createElement("span")
      row.type = "button"
      row.dataset.n = n
      row.setAttribute("role", "option")
      key.textContent = n < 9 ? n + 1 : ""
      words.textContent = text
      row.append(key, words)
      return row
    }))
    if (!boot.replies.length) this.menu.textContent = t("no_replies")
    this.menu.hidden = false
    this.quick.setAttribute("aria-expanded", "true")
    this.menu.firstElementChild?.focus()
  }
  closeMenu() {
    if (this.menu.hidden) return false
    this.menu.hidden = true
    this.quick.setAttribute("aria-expanded", "false")
    this.focus()
    return true
  }
  menuKey(event) {
    const rows = [...this.menu.children], at = rows.indexOf(document.activeElement)
    const n = Number(event.code.match(/^(?:Digit|Numpad)([1-9])$/)?.[1])
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (n && rows[n - 1]) this.insert(n - 1)
    else if (step) rows[(at + step + rows.length) % rows.length]?.focus()
    else if (event.key === "Tab") this.closeMenu()
    else return
    event.preventDefault()
  }
  insert(n) {
    const text = boot.replies[n]
    if (text === undefined) return
    const { selectionStart: from, selectionEnd: to, value } = this.text
    const before = value.slice(0, from), gap = before && !/\s$/.test(before) ? " " : ""
    this.text.value = before + gap + text + value.slice(to)
    this.closeMenu()
    this.changed(true)
    this.focus()
  }
}
