// A component of Streamlit (components v2): the noise slider and what it moves, each mounted where the page has a place for it; they share a board by its name.
// Bytes are a table; everything else is what one part is given. Streamlit calls this again whenever what is given changes, with the same place on the page.

import { board, keep } from "./board.js"
import { Brief } from "./brief.js"
import { element } from "./element.js"
import { Finding } from "./finding.js"
import { Least } from "./least.js"
import { Picture } from "./picture.js"
import { Slider } from "./slider.js"
import { Spectrum } from "./spectrum.js"
import { Tile } from "./tile.js"

const KINDS = { slider: Slider, picture: Picture, finding: Finding, spectrum: Spectrum, brief: Brief, tile: Tile, least: Least }
const mounted = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  if (data instanceof Uint8Array) {
    keep(data)
    return
  }
  if (!data) return
  if (data.kind === "table") {
    board(data.board).take(data.name)
    return
  }
  let part = mounted.get(parentElement)
  if (!part || part.kind !== data.kind) {
    const root = element("div", { class: `noise ${data.kind}` })
    parentElement.querySelector(":scope > .noise")?.remove()
    parentElement.append(root)
    part = { kind: data.kind, view: new KINDS[data.kind](root) }
    mounted.set(parentElement, part)
    document.documentElement.classList.add("noise-live")
  }
  const shared = board(data.board), call = part.call = (part.call ?? 0) + 1
  shared.views.add(part.view)
  part.view.update(data, shared, setTriggerValue)
  part.view.draw(shared)
  return () => {
    if (part.call !== call) return // Streamlit also lets go of a call that a newer one has overtaken
    shared.views.delete(part.view)
    part.view.root.remove()
    mounted.delete(parentElement)
  }
}
