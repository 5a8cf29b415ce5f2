// The least noises that fulfil a wish, one line a defense: as invviz/ui/defend/least.py lists them.

import { element } from "./element.js"

export class Least {
  constructor(root) {
    this.root = root
    this.body = element("tbody")
    this.head = element("tr")
    root.append(element("table", {}, element("thead", {}, this.head), this.body))
  }

  update(given, board, tell) {
    this.given = given
    this.head.replaceChildren(...[...given.labels, ""].map(words => element("th", { scope: "col" }, words)))
    this.lines = given.rows.map(row => {
      const cells = given.labels.slice(1, -1).map(() => element("td"))
      const button = element("button", { type: "button", title: `Open ${row.title} at this strength.` }, "Open it")
      button.addEventListener("click", () => tell("pressed", { title: row.title, at: board.stop }))
      return { row, cells, button, line: element("tr", {}, element("th", { scope: "row" }, row.title), ...cells, element("td", {}, row.promise), element("td", {}, button)) }
    })
    this.body.replaceChildren(...this.lines.map(one => one.line))
  }

  draw(board) {
    const place = this.given.stops.indexOf(board.stop)
    if (place < 0) return
    for (const { row, cells, button } of this.lines) {
      const words = row.cells[place], whole = words.length > 1
      cells[0].colSpan = whole ? 1 : cells.length
      cells[0].className = whole ? "strength" : "why"
      cells.forEach((cell, k) => {
        cell.textContent = words[k] ?? ""
        cell.hidden = !whole && k > 0
      })
      button.hidden = !row.opens[place]
    }
  }
}
