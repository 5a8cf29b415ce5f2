// A picture that the page itself has drawn, in a row of others: while the slider moves it is exchanged there, with the words below it. The server draws it anew afterwards.

import { Pixels } from "./pixels.js"

const SHOWN = 4 // pictures of a batch, as invviz/charts/thumbs.py draws them

export class Tile {
  constructor(root) {
    this.root = root
    this.sheet = document.createElement("canvas")
  }

  update(given, board) { this.given = given }

  draw(board) {
    const place = document.querySelector(this.given.into), image = place?.querySelector("img"), words = place?.querySelector("figcaption, .score")
    if (!image || !board.moved) return // at rest it is the server's
    const now = board.now(), fresh = now !== null && now.drawn
    place.classList.toggle("noise-old", !fresh)
    if (!fresh) return
    image.src = this.paint(board.table, now.sigma)
    image.alt = `${this.given.title}: ${now.said.join("")}`
    if (words) words.textContent = now.said.join("")
  }

  paint(t, sigma) {
    if (this.pixels?.table !== t) this.pixels = new Pixels(t)
    const small = this.pixels.draw(sigma), [all, , height, width] = t.shape, count = Math.min(all, SHOWN), across = Math.ceil(Math.sqrt(count))
    this.sheet.width = across * width
    this.sheet.height = Math.ceil(count / across) * height
    const sheet = this.sheet.getContext("2d")
    sheet.fillStyle = "#8A8F98"
    sheet.fillRect(0, 0, this.sheet.width, this.sheet.height)
    for (let n = 0; n < count; n++) sheet.drawImage(small, 0, n * height, width, height, n % across * width, Math.floor(n / across) * height, width, height)
    return this.sheet.toDataURL()
  }
}
