// The slider: draws while it is dragged, tells Python where it was let go.

import { have } from "./board.js"
import { element } from "./element.js"

const REST = 300 // ms after the last key before Python is told
let last = 0

export class Slider {
  sent = [] // strengths of which Python has not yet answered

  constructor(root) {
    const id = `noise-${++last}`
    this.root = root
    this.label = element("label", { for: id })
    this.help = element("button", { type: "button", class: "help", "aria-expanded": "false", "aria-controls": `${id}-hint`, "aria-label": "What is this?" }, "?")
    this.shown = element("output", { for: id })
    this.input = element("input", { type: "range", id, min: 0, step: 1 })
    this.ends = [element("span"), element("span")]
    this.hint = element("p", { id: `${id}-hint`, hidden: "" })
    root.append(
      element("div", { class: "head" }, this.label, this.help, this.shown), this.input,
      element("div", { class: "ends", "aria-hidden": "true" }, ...this.ends), this.hint)
    this.help.addEventListener("click", () => {
      this.hint.hidden = !this.hint.hidden
      this.help.setAttribute("aria-expanded", String(!this.hint.hidden))
    })
    this.input.addEventListener("pointerdown", () => { this.holding = true; this.keyed = false })
    for (const kind of ["pointerup", "pointercancel"]) this.input.addEventListener(kind, () => { this.holding = false })
    this.input.addEventListener("keydown", () => { this.keyed = true })
    this.input.addEventListener("input", () => this.board.to(this.stop(), true))
    this.input.addEventListener("change", () => this.later(this.keyed ? REST : 0))
    this.input.addEventListener("blur", () => { if (this.timer) this.tell() })
  }

  stop() { return this.given.stops[Number(this.input.value)] }

  update(given, board, tell) {
    const before = this.given
    Object.assign(this, { given, board, trigger: tell })
    board.calm = given.calm
    this.label.textContent = given.label
    this.hint.textContent = given.help
    this.help.hidden = !given.help
    this.input.max = given.stops.length - 1
    this.ends[0].textContent = given.words[0]
    this.ends[1].textContent = given.words.at(-1)
    const echo = this.sent.indexOf(given.at), busy = this.holding || this.timer || this.sent.length
    if (echo >= 0) this.sent.splice(0, echo + 1)
    const own = echo >= 0 ? this.holding || this.timer || this.sent.length : busy && before && before.at === given.at // what is on its way is newer
    const at = own && board.stop !== null && given.stops.includes(board.stop) ? board.stop : given.at
    if (!own) this.sent.length = 0
    this.input.value = given.stops.indexOf(at)
    board.to(at, at !== given.at)
  }

  draw(board) {
    const place = this.given.stops.indexOf(board.stop), words = this.given.words[place] ?? "", now = board.now()
    this.shown.textContent = words
    this.input.setAttribute("aria-valuetext", now ? `${words}, InvRE ${now.invre.toFixed(2)}` : words)
    this.input.style.setProperty("--share", this.given.stops.length > 1 ? place / (this.given.stops.length - 1) : 0)
  }

  later(wait) {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.tell(), wait)
  }

  tell() {
    clearTimeout(this.timer)
    this.timer = null
    const at = this.stop()
    if (at === (this.sent.at(-1) ?? this.given.at)) return this.board.to(at, this.sent.length > 0)
    this.sent.push(at)
    this.trigger("moved", { at, have: have() })
  }
}
