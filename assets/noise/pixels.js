// Pictures of a table as pixels, one below the other on a small canvas.

import { picture } from "./formulas.js"

export class Pixels {
  constructor(t) {
    const [count, , height, width] = t.shape
    this.table = t
    this.canvas = document.createElement("canvas")
    this.canvas.width = width
    this.canvas.height = count * height
    this.bytes = new Uint8Array(t.numbers)
    this.data = new ImageData(width, count * height)
    this.data.data.fill(255)
  }

  draw(sigma) {
    const [count, channels, height, width] = this.table.shape, area = height * width, rgba = this.data.data
    const bytes = picture(this.table, sigma, this.bytes), green = channels > 1 ? area : 0
    for (let n = 0; n < count; n++) {
      for (let k = 0, at = 4 * n * area, from = n * channels * area; k < area; k++, at += 4, from++) {
        rgba[at] = bytes[from]
        rgba[at + 1] = bytes[from + green]
        rgba[at + 2] = bytes[from + 2 * green]
      }
    }
    this.canvas.getContext("2d").putImageData(this.data, 0, 0)
    return this.canvas
  }
}
