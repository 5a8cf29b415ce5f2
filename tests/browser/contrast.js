// Words of the page with less contrast than WCAG 2.2 AA asks for: how many were looked at, and what falls short. What is grey because it cannot be pressed, and charts that fade because they are stale, are left out.
() => {
  const rgba = text => { const c = document.createElement('canvas').getContext('2d', {willReadFrequently: true}); c.fillStyle = text; c.fillRect(0, 0, 1, 1); const d = c.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255] }
  const main = document.querySelector('[data-testid="stMain"]'), known = {}
  const colour = text => known[text] ??= rgba(text)
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3]))
  const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
  const low = new Map(), walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  let looked = 0
  while (walker.nextNode()) {
    const node = walker.currentNode, e = node.parentElement
    if (!node.data.trim() || !e.checkVisibility({visibilityProperty: true, opacityProperty: true}) || e.closest('script, style, [aria-hidden=true], [disabled], [aria-disabled=true], .katex-mathml, [data-testid=stElementToolbar], [class*="st-key-stale"] svg')) continue
    const chain = []
    for (let n = e; n; n = n.parentElement) chain.unshift(n)
    let ground = [255, 255, 255], veil = 1
    const words = document.createRange()
    words.selectNodeContents(node)
    const at = words.getBoundingClientRect(), x0 = at.left + at.width / 2, y0 = at.top + at.height / 2
    for (const n of chain) {
      const c = getComputedStyle(n), box = n.getBoundingClientRect()
      veil *= parseFloat(c.opacity)
      if (!n.contains(main) && (x0 < box.left || x0 > box.right || y0 < box.top || y0 > box.bottom)) continue // it stands beside this one, not on it
      const [r, g, b, a] = colour(c.backgroundColor)
      ground = over([r, g, b, a * veil], ground)
    }
    const c = getComputedStyle(e), [r, g, b, a] = colour(c.color), ink = over([r, g, b, a * veil], ground)
    const [x, y] = [light(ink), light(ground)], ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05)
    const size = parseFloat(c.fontSize), large = size >= 24 || size >= 18.66 && c.fontWeight >= 700
    looked++
    if (ratio < (large ? 3 : 4.5) - 0.005) {
      const key = [c.color, c.opacity, veil.toFixed(2), e.closest('[data-testid]')?.dataset.testid, e.className.toString().slice(0, 30)].join(' ')
      const was = low.get(key)
      low.set(key, [ratio.toFixed(2), (was?.[1] ?? 0) + 1, was?.[2] ?? node.data.trim().slice(0, 40)])
    }
  }
  return [looked, [...low].map(([k, v]) => v.join(' | ') + ' || ' + k)]
}
