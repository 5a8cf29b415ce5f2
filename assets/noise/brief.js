// One line of figures, for pages whose answer is drawn by the server.

import { element, thousands } from "./element.js"
import { tells } from "./formulas.js"

export class Brief {
  constructor(root) {
    this.root = root
    this.line = element("p")
    root.append(this.line)
  }

  update(given, board) { this.given = given }

  draw(board) {
    const now = board.now(), t = board.table
    this.root.classList.toggle("old", now === null && t !== null)
    if (now === null) {
      if (t) this.line.textContent = "The server computes this strength when you let go."
      return
    }
    const about = now.about ? "about " : ""
    this.line.textContent = `${this.given.what}: InvRE ${about}${now.invre.toFixed(2)}, expected best ${about}${now.ceiling.toFixed(1)} dB (the message ${tells(now.invre)})`
    if (now.above !== null) this.line.textContent += `, ${t.least ? "at least " : ""}${thousands(now.above)} of ${thousands(t.size)} directions above the noise floor`
  }
}
