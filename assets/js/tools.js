/* The buttons at the top right that a browser answers alone: Copy link, and Save (every chart and picture that is shown, as files).
   Nothing is sent anywhere. No sign here opens a tag (it is written \x3c): Streamlit's sanitizer drops such scripts. Vega draws SVG whose nodes know their data (`__data__`), Plotly's plot knows its traces. */
(() => {
  if (window.invvizTools) return;
  window.invvizTools = true;
  // By the Tab key a row of choices is entered at the one that is chosen; the arrow keys go on from there.
  document.addEventListener('focusin', ({ target, relatedTarget }) => {
    const row = target.matches?.('[role="radio"]:focus-visible') && target.closest('[role="radiogroup"]');
    if (row && !row.contains(relatedTarget)) row.querySelector('[aria-checked="true"]')?.focus();
  });

  const MAIN = '[data-testid="stMain"]';
  const SVG = 'http://www.w3.org/2000/svg';

  const say = (button, words) => {
    const label = button.querySelector('span'), before = button.dataset.label ||= label.textContent;
    label.textContent = words;
    document.querySelector('.tools [role="status"]').textContent = words;
    setTimeout(() => { label.textContent = before; }, 2000);
  };

  // Without https only localhost has a clipboard: the old way for the others.
  const oldCopy = (text) => {
    const field = document.createElement('textarea');
    field.value = text;
    field.style.position = 'fixed';
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    return done;
  };
  const copy = async (button) => {
    const text = location.href;
    let done = false;
    try { await navigator.clipboard.writeText(text); done = true; } catch { done = oldCopy(text); }
    if (done) say(button, 'Copied'); else prompt('The link of this screen', text);
    button.focus();
  };

  const named = (words) => 'invviz-' + (words.toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 60).replace(/^-+|-+$/g, '') || 'picture');
  const download = (href, name) => {
    const link = document.createElement('a');
    link.href = href;
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    if (href.startsWith('blob:')) setTimeout(() => URL.revokeObjectURL(href), 10000);
  };
  const asFile = (parts, type, name) => download(URL.createObjectURL(new Blob(parts, { type })), name);

  // A drawing of our own gets its colours from the page's style sheet, which no file has.
  const LOOKS = ['fill', 'stroke', 'stroke-width', 'stroke-linejoin', 'opacity', 'font-size', 'font-family', 'font-weight', 'paint-order'];
  const styled = (drawing) => {
    const copy = drawing.cloneNode(true), from = [...drawing.querySelectorAll('*')], to = [...copy.querySelectorAll('*')];
    from.forEach((e, k) => { const look = getComputedStyle(e); for (const name of LOOKS) to[k].style.setProperty(name, look.getPropertyValue(name)); });
    return copy;
  };
  const svgOf = (chart) => {
    const own = chart.matches('svg'), layers = own ? [styled(chart)] : [...chart.querySelectorAll(chart.matches('.js-plotly-plot') ? 'svg.main-svg' : 'svg.marks')];
    const box = (own ? chart : layers[0]).getBoundingClientRect(), whole = document.createElementNS(SVG, 'svg');
    const width = Math.round(box.width), height = Math.round(box.height);
    whole.setAttribute('xmlns', SVG);
    for (const [name, value] of Object.entries({ width, height, viewBox: layers[0].getAttribute('viewBox') || `0 0 ${width} ${height}` })) whole.setAttribute(name, value);
    const ground = document.createElementNS(SVG, 'rect');
    for (const [name, value] of Object.entries({ width: '100%', height: '100%', fill: getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor })) ground.setAttribute(name, value);
    whole.append(ground, ...layers.flatMap((layer) => [...layer.cloneNode(true).childNodes]));
    const title = document.createElementNS(SVG, 'title');
    title.textContent = wordsOf(chart);
    whole.prepend(title);
    return [new XMLSerializer().serializeToString(whole), width, height];
  };
  const pngOf = (href, name, width, height, scale) => {
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement('canvas');
      canvas.width = (width || image.naturalWidth) * scale;
      canvas.height = (height || image.naturalHeight) * scale;
      canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => download(URL.createObjectURL(blob), name), 'image/png');
    };
    image.src = href;
  };

  const cell = (value) => {
    const text = value instanceof Date ? value.toISOString() : value === null || value === undefined ? '' : String(value);
    const inert = typeof value === 'string' && /^[=+@\t\r-]/.test(text) && isNaN(text) ? `'${text}` : text; // no spreadsheet takes it for a formula
    return /[",\n]/.test(inert) ? `"${inert.replace(/"/g, '""')}"` : inert;
  };
  const table = (rows) => {
    const place = '(index)'; // of a row in what the chart was made of: that order, which is no number of ours
    rows = rows.map((row, k) => [row[place] ?? k, row]).sort(([a], [b]) => a - b).map(([, { [place]: dropped, ...row }]) => row);
    const names = [...new Set(rows.flatMap(Object.keys))];
    return [names, ...rows.map((row) => names.map((name) => row[name]))].map((line) => line.map(cell).join(',')).join('\n') + '\n';
  };
  const listed = (value) => (Array.isArray(value) || ArrayBuffer.isView(value) ? [...value] : value === undefined || value === null ? [] : [value]);
  const rowsOf = (chart) => {
    if (chart.rows) return chart.rows(); // a drawing of our own knows its numbers
    if (chart.matches('.js-plotly-plot')) {
      return chart.data.flatMap((trace, place) => {
        const x = listed(trace.x), y = listed(trace.y), text = listed(trace.hovertext || trace.text);
        return x.map((value, k) => ({ line: trace.name || `line ${place + 1}`, x: value, y: y[k], ...(text.length === x.length ? { what: String(text[k]).replace(/\x3cbr>/g, '; ').replace(/\x3c[^>]*>/g, '') } : {}) }));
      });
    }
    const marks = new Set(), rows = [], seen = new Set();
    for (const node of chart.querySelectorAll('svg.marks g[class*="role-mark"] *')) {
      const mark = node.__data__ && (node.__data__.mark || node.__data__);
      if (mark && mark.items && mark.role === 'mark' && mark.marktype !== 'group') marks.add(mark);
    }
    const flat = (datum) => Object.entries(datum).filter(([, value]) => typeof value !== 'object' && typeof value !== 'function' || value instanceof Date || value === null);
    for (const mark of marks) {
      for (const item of mark.items) {
        if (!item.datum || typeof item.datum !== 'object') continue;
        const row = Object.fromEntries(flat(item.datum)), key = JSON.stringify(row);
        if (Object.keys(row).length && !seen.has(key)) { seen.add(key); rows.push(row); }
      }
    }
    // A mark over a point (the step that is shown) says nothing that the point's own row does not.
    const within = (a, b) => a !== b && Object.keys(a).length < Object.keys(b).length && Object.entries(a).every(([name, value]) => name === '(index)' || b[name] === value);
    return rows.filter((row) => !rows.some((other) => within(row, other)));
  };

  const wordsOf = (e) => (e.getAttribute('alt') || e.getAttribute('aria-label') || e.closest('[aria-label]')?.getAttribute('aria-label') || 'picture').trim();
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getBoundingClientRect().width > 4;
  const charts = () => [...document.querySelectorAll(`${MAIN} :is([data-testid="stVegaLiteChart"], .js-plotly-plot, .noise.spectrum svg)`)].filter((e) => shown(e) && e.querySelector('svg, path'));
  const pictures = () => [...document.querySelectorAll(`${MAIN} :is(img, .noise.picture canvas)`)].filter((e) => shown(e) && (e.naturalWidth || e.width) > 0);

  const saver = (words, act) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = words[0];
    button.setAttribute('aria-label', `${words[0]}: ${words[1]}`);
    button.addEventListener('click', act);
    return button;
  };
  const line = (sample, words, buttons) => {
    const item = document.createElement('li'), text = document.createElement('span');
    text.textContent = words;
    item.append(...(sample ? [sample] : []), text, ...buttons);
    return item;
  };
  const ofChart = (chart) => {
    const words = wordsOf(chart), name = named(words);
    const blob = (text) => URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
    return line(null, words, [
      saver(['PNG', words], () => { const [text, width, height] = svgOf(chart); pngOf(blob(text), `${name}.png`, width, height, 2); }),
      saver(['SVG', words], () => asFile([svgOf(chart)[0]], 'image/svg+xml', `${name}.svg`)),
      saver(['CSV', words], () => asFile([table(rowsOf(chart))], 'text/csv', `${name}.csv`)),
    ]);
  };
  const ofPicture = (picture) => {
    const words = wordsOf(picture), name = named(words), src = picture.matches('canvas') ? picture.toDataURL('image/png') : picture.src, drawing = src.startsWith('data:image/svg');
    const sample = document.createElement('img');
    sample.alt = '';
    sample.src = src;
    const png = () => (/^data:image\/png|\.png($|\?)/.test(src) ? download(src, `${name}.png`) : pngOf(src, `${name}.png`, 0, 0, drawing ? 2 : 1));
    return line(sample, words, [saver(['PNG', words], png), ...(drawing ? [saver(['SVG', words], () => download(src, `${name}.svg`))] : [])]);
  };
  const part = (title, items) => {
    if (!items.length) return [];
    const head = document.createElement('h2'), list = document.createElement('ul');
    head.textContent = title;
    list.append(...items);
    return [head, list];
  };
  const save = (opener) => {
    document.querySelector('dialog.saving')?.remove();
    const box = document.createElement('dialog'), app = getComputedStyle(document.querySelector('[data-testid="stApp"]'));
    box.className = 'saving';
    box.setAttribute('aria-label', 'Save charts and pictures');
    box.style.background = app.backgroundColor;
    box.style.color = app.color;
    box.style.colorScheme = app.colorScheme;
    const close = saver(['Close', 'this list'], () => box.close()), none = document.createElement('p');
    none.textContent = 'There is no chart and no picture on this screen yet.';
    const parts = [...part('Charts', charts().map(ofChart)), ...part('Pictures', pictures().map(ofPicture))];
    box.append(close, ...(parts.length ? parts : [none]));
    box.addEventListener('close', () => { box.remove(); opener.focus(); });
    document.querySelector('[data-testid="stApp"]').append(box);
    box.showModal();
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest?.('.tools button');
    if (button) (button.dataset.tool === 'copy' ? copy : save)(button);
  });
})();
