// InvRE and the expected best, in the words of invviz/ui/finding.py.

import { element } from "./element.js"
import { tells } from "./formulas.js"

export class Finding {
  constructor(root) {
    this.root = root
    this.title = element(root.dataset.level || "h2")
    this.best = element("strong")
    this.line = element("p", {}, "Expected best ", this.best)
    this.rest = document.createTextNode("")
    this.line.append(this.rest)
    root.append(this.title, this.line)
  }

  update(given, board) { this.given = given }

  draw(board) {
    const now = board.now()
    this.root.classList.toggle("old", now === null)
    if (now === null) return
    this.title.textContent = `InvRE ${now.about ? "about " : ""}${now.invre.toFixed(2)}: an ideal attacker recovers ${now.about ? "about " : ""}${(100 * now.invre).toFixed(0)} % of what was unknown`
    this.best.textContent = `${now.about ? "about " : ""}${now.ceiling.toFixed(1)} dB`
    this.rest.data = ` (the message ${tells(now.invre)}): ${this.given.means}`
  }
}
