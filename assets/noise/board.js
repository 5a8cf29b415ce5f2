// What the parts of one page share: where the slider stands, the table that is drawn from, and who draws. Nothing here knows of a page.

import { table as read } from "./table.js"
import { figures, above } from "./formulas.js"

const MOST = 8 // tables that are kept
const tables = new Map(), boards = new Map()

export const have = () => [...tables.keys()]

export function keep(bytes) {
  const found = read(bytes)
  tables.delete(found.name)
  tables.set(found.name, found)
  while (tables.size > MOST) tables.delete(tables.keys().next().value)
  board(found.board).take(found.name)
}

class Board {
  views = new Set()
  table = null // stays until another one has come
  stop = null // the strength at which the slider stands
  moved = false // Python has not yet answered
  calm = false // nothing else on the page fades meanwhile

  take(name) {
    if (name && !tables.has(name)) return // it is still to come
    this.table = tables.get(name) ?? null
    this.draw()
  }

  to(stop, moved) {
    this.stop = stop
    this.moved = moved
    document.documentElement.classList.toggle("noise-moved", [...boards.values()].some(board => board.moved && !board.calm))
    this.draw()
  }

  // Noise, figures and words at the slider's place; null where Python has to be asked first.
  now() {
    const t = this.table, place = t ? t.stops.indexOf(this.stop) : -1
    const sigma = t?.sigmas[place] ?? null, told = t?.figures?.[place] ?? null
    if (place < 0 || sigma === null && told === null) return null
    const known = told ?? figures(t, sigma)
    if (sigma === null) return { place, sigma, ...known, above: null, said: null, drawn: false } // of another spectrum: figures alone
    return { place, sigma, ...known, above: above(t.gains, sigma), said: t.said?.[place] ?? null, drawn: t.drawn[place] }
  }

  draw() {
    for (const view of this.views) {
      if (view.root.isConnected) view.draw(this)
      else this.views.delete(view)
    }
  }
}

export function board(name) {
  if (!boards.has(name)) boards.set(name, new Board())
  return boards.get(name)
}
