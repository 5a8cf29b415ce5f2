// Singular values with the noise floor across them: as invviz/charts/spectrum.py draws them, the axes at rest while the floor moves.

import { drawing, element, thousands } from "./element.js"

const POINTS = 400, HEIGHT = 250, LEFT = 62, RIGHT = 8, TOP = 8, BOTTOM = 42
const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
let last = 0

export class Spectrum {
  constructor(root) {
    this.root = root
    this.title = element("h3")
    this.hover = element("p", { class: "hover" })
    this.svg = drawing("svg", { role: "img", height: HEIGHT })
    this.svg.rows = () => this.rows() // what assets/js/tools.js saves as its numbers
    root.append(this.title, this.svg, this.hover)
    this.watch = new ResizeObserver(() => this.resized())
    this.watch.observe(root)
    this.svg.addEventListener("pointermove", event => this.point(event))
    this.svg.addEventListener("pointerleave", () => { this.hover.textContent = "" })
  }

  update(given, board) {
    this.given = given
    this.board = board
  }

  resized() {
    const width = this.root.clientWidth // asked for here alone: in the middle of a drag it would have the whole page laid out
    if (width === this.width) return
    this.width = width
    this.table = null
    if (this.board) this.draw(this.board)
  }

  draw(board) {
    const now = board.now(), t = board.table, fresh = now !== null && now.sigma !== null
    this.root.classList.toggle("old", !fresh)
    if (!fresh || !this.width) return
    if (this.table !== t) this.axes(t)
    const said = `${t.least ? "At least " : ""}${thousands(now.above)} of ${thousands(t.size)} directions lie above the noise floor`
    this.title.textContent = said
    this.svg.setAttribute("aria-label", `Singular values of the Jacobian, falling; ${said}.`)
    const split = now.above <= 0 ? LEFT : now.above >= t.gains.length ? this.right : (this.x(now.above) + this.x(now.above + 1)) / 2
    this.readable.setAttribute("width", Math.max(split - LEFT, 0))
    this.drowned.setAttribute("x", split)
    this.drowned.setAttribute("width", Math.max(this.right - split, 0))
    const y = this.y(now.sigma / t.tau)
    for (const part of [this.floor, this.name]) part.setAttribute("transform", `translate(0 ${y.toFixed(2)})`)
    this.name.setAttribute("y", y < TOP + 20 ? 16 : -8)
  }

  // All that does not move, once for a table and a width.
  axes(t) {
    this.table = t
    this.right = this.width - RIGHT
    const bottom = HEIGHT - BOTTOM, number = t.gains.length, values = i => Math.sqrt(t.gains[i]) / t.tau
    const [low, high] = t.span, id = `noise-spectrum-${++last}`
    this.x = i => LEFT + (this.right - LEFT) * (number > 1 ? (i - 1) / (number - 1) : 0)
    this.y = v => bottom - (bottom - TOP) * Math.log(Math.min(Math.max(v, low), high) / low) / Math.log(high / low)
    const line = [...new Set(Array.from({ length: Math.min(POINTS, number) }, (_, k) => Math.round(k * (number - 1) / Math.max(Math.min(POINTS, number) - 1, 1))))]
      .map(i => `${this.x(i + 1).toFixed(1)} ${this.y(values(i)).toFixed(1)}`)
    const area = `M${LEFT} ${bottom}L${line.join("L")}L${this.right} ${bottom}Z`
    this.readable = drawing("rect", { x: LEFT, y: 0, height: HEIGHT })
    this.drowned = drawing("rect", { y: 0, height: HEIGHT })
    const clips = [[this.readable, `${id}-readable`], [this.drowned, `${id}-drowned`]].map(([rect, name]) => {
      const clip = drawing("clipPath", { id: name })
      clip.append(rect)
      return clip
    })
    const grid = drawing("g", { class: "axes", "aria-hidden": "true" })
    for (const [value, words] of marks(low, high)) {
      grid.append(drawing("line", { x1: LEFT, x2: this.right, y1: this.y(value), y2: this.y(value), class: "grid" }), letters(words, LEFT - 6, this.y(value) + 4, "end"))
    }
    for (const i of steps(number, this.width)) {
      const end = number - i < 0.04 * number
      grid.append(letters(thousands(i), this.x(i), bottom + 16, end ? "end" : "middle"), drawing("line", { x1: this.x(i), x2: this.x(i), y1: bottom, y2: bottom + 4 }))
    }
    grid.append(letters("direction, strongest first", (LEFT + this.right) / 2, HEIGHT - 6, "middle"))
    const up = letters("singular value (log scale)", 0, 0, "middle")
    up.setAttribute("transform", `translate(14 ${(TOP + bottom) / 2}) rotate(-90)`)
    grid.append(up, drawing("line", { x1: LEFT, x2: this.right, y1: bottom, y2: bottom }))
    this.floor = drawing("line", { class: "floor", x1: LEFT, x2: this.right })
    this.name = letters("noise floor", this.right - 4, -8, "end")
    this.name.setAttribute("class", "name")
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`)
    this.svg.setAttribute("width", this.width)
    this.svg.replaceChildren(
      ...clips, grid, drawing("path", { class: "drowned", d: area, "clip-path": `url(#${id}-drowned)` }),
      drawing("path", { class: "readable", d: area, "clip-path": `url(#${id}-readable)` }), drawing("path", { class: "values", d: `M${line.join("L")}` }), this.floor, this.name)
  }

  rows() {
    const t = this.table, now = this.board.now()
    return t && now ? Array.from(t.gains, (gain, i) => ({ direction: i + 1, "singular value": Math.sqrt(gain) / t.tau, part: i < now.above ? "readable" : "drowned" })) : []
  }

  point(event) {
    const t = this.table, now = this.board.now()
    if (!t || !now || now.sigma === null) return
    const share = (event.offsetX - LEFT) / (this.right - LEFT), i = Math.round(share * (t.gains.length - 1))
    if (!(share >= 0 && share <= 1)) return
    const part = i < now.above ? "readable" : "drowned"
    this.hover.textContent = `direction ${thousands(i + 1)}: singular value ${(Math.sqrt(t.gains[i]) / t.tau).toPrecision(3)}, ${part}`
  }
}

function letters(words, x, y, anchor) {
  const made = drawing("text", { x, y, "text-anchor": anchor })
  made.textContent = words
  return made
}

// A mark at every power of ten, or plain numbers where there is hardly one.
function marks(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9), final = Math.floor(Math.log10(high) + 1e-9)
  if (final - first < 1) return [low, Math.sqrt(low * high), high].map(v => [v, v.toPrecision(2)])
  const every = Math.ceil((final - first + 1) / 8)
  return Array.from({ length: final - first + 1 }, (_, k) => first + k).filter(e => (final - e) % every === 0)
    .map(e => [10 ** e, e === 0 ? "1" : e === 1 ? "10" : `10${[...String(e)].map(c => c === "-" ? "⁻" : RAISED[c]).join("")}`])
}

function steps(number, width) {
  const rough = number / (width > 480 ? 6 : 3), power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)))
  const step = [1, 2, 5, 10].map(k => k * power).find(v => v >= rough) ?? power
  return [1, ...Array.from({ length: Math.floor(number / step) }, (_, k) => (k + 1) * step)]
}
