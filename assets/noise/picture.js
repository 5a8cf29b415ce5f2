// The ideal attacker's picture, in its dashed frame, with what it is worth below: as invviz/charts/pictures.py draws it.

import { element } from "./element.js"
import { Pixels } from "./pixels.js"

const DASH = 3, GAP = 2 // halves of a border

export class Picture {
  constructor(root) {
    this.root = root
    this.canvas = element("canvas", { role: "img" })
    this.best = element("strong")
    this.words = element("p", {}, this.best)
    this.rest = document.createTextNode("")
    this.words.append(this.rest)
    root.append(this.canvas, this.words)
  }

  update(given, board) { this.given = given }

  draw(board) {
    const now = board.now(), fresh = now !== null && now.drawn
    this.root.classList.toggle("old", !fresh)
    if (!fresh) {
      this.say("", board.table ? later(now) : "")
      return
    }
    this.paint(board.table, now.sigma)
    this.say(...now.said)
  }

  say(best, rest) {
    this.best.textContent = best
    this.rest.textContent = rest
    this.canvas.setAttribute("aria-label", `${this.given.title}${best || rest ? ": " : ""}${best}${rest}`)
  }

  paint(t, sigma) {
    if (this.pixels?.table !== t) this.prepare(t)
    const [count, , height, width] = t.shape, { across, zoom, border } = t.sheet, [wide, tall] = [width * zoom, height * zoom]
    const small = this.pixels.draw(sigma), sheet = this.canvas.getContext("2d")
    sheet.imageSmoothingEnabled = false
    for (let n = 0; n < count; n++) {
      const x = border + n % across * (wide + border), y = border + Math.floor(n / across) * (tall + border)
      sheet.drawImage(small, 0, n * height, width, height, x, y, wide, tall)
    }
  }

  prepare(t) {
    const [count, , height, width] = t.shape, { across, zoom, border, colour } = t.sheet, down = Math.ceil(count / across)
    this.pixels = new Pixels(t)
    this.canvas.width = across * (width * zoom + border) + border
    this.canvas.height = down * (height * zoom + border) + border
    const frame = new ImageData(this.canvas.width, this.canvas.height), [red, green, blue] = colour
    const columns = along(this.canvas.width, width * zoom + border, border), rows = along(this.canvas.height, height * zoom + border, border)
    for (let y = 0, k = 0; y < this.canvas.height; y++) {
      for (let x = 0; x < this.canvas.width; x++, k += 4) {
        const [inColumn, gapX] = columns[x], [inRow, gapY] = rows[y]
        if (!inColumn && !inRow || inRow && !inColumn && gapX || inColumn && !inRow && gapY) continue
        frame.data.set([red, green, blue, 255], k)
      }
    }
    this.canvas.getContext("2d").putImageData(frame, 0, 0)
  }
}

// Where no picture is drawn: of coloured noise the figures are known between strengths, its directions are not.
const later = now => now?.sigma === null ? "Coloured noise: another picture at each strength. Computed when you let go." : "drawn when you let go"

// Along one side: what belongs to frames, and where gaps would be; a side begins and ends with a dash (charts/pictures.py, _along).
function along(length, step, border) {
  const dash = DASH * border, gap = GAP * border
  const rounds = Math.max(Math.round((step - border - dash) / (dash + gap)), 1), period = (step - border - dash) / rounds
  return Array.from({ length }, (_, i) => {
    const at = i % step
    return [at < border, ((at - border) % period + period) % period >= period * dash / (dash + gap)]
  })
}
