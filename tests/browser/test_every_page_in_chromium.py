"""What holds on every page: nothing is asked of another machine, headings, focus, the bar above, narrow windows."""

from pathlib import Path

import pytest
from looking import FITS, idle

from invviz.ui import pages

pytestmark = pytest.mark.browser
OPENED = {"guide": "?stop=3&guess_noise=4&shown=noise"}  # its longest screen
PAGES = tuple("" if name == pages.HOME else name for name in pages.PAGES)


def listening(page, server):
    """The addresses outside this server that the page asks for from now on."""
    asked = []
    own = (server, server.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else asked.append(request.url))
    page.on("websocket", lambda socket: None if socket.url.startswith(own) else asked.append(socket.url))
    return asked


def test_a_deep_link_on_a_fresh_server_asks_nobody_else(page, fresh_server):
    asked = listening(page, fresh_server)
    page.goto(fresh_server + "risk")
    page.get_by_role("heading", level=1).first.wait_for()
    idle(page)
    assert not asked


CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
UNFOLD = """() => {
  const folded = [...document.querySelectorAll('[data-testid=stMain] details:not([open]) > summary')]
  folded.forEach(s => s.click())
  return folded.length
}"""
HEADINGS = """() => [...document.querySelectorAll('[data-testid=stMain] :is(h1, h2, h3, h4, h5, h6)')]
  .filter(e => e.checkVisibility()).map(e => +e.tagName[1])"""
UNSEEN = """async () => {
  const blue = 'rgb(0, 114, 178)', without = []
  let looked = 0
  document.querySelector('input')?.focus() // a field shows its focus however it came; what a script focuses after such an element is taken for focused by keys
  for (const e of document.querySelectorAll('a[href], button, input, textarea, summary, [tabindex="0"], .defend, .rows, .attacks.grid, .vertical.depths')) {
    e.focus()
    if (document.activeElement !== e || !e.checkVisibility({visibilityProperty: true})) continue
    if (e.tagName === 'INPUT') for (let k = 0; k < 3; k++) await new Promise(requestAnimationFrame) // its frame is drawn in answer to the focus
    document.getAnimations().forEach(a => { try { a.finish() } catch { } })
    looked++
    let seen = false
    for (let n = e, k = 0; n && k < 5; n = n.parentElement, k++) {
      const c = getComputedStyle(n)
      seen ||= c.outlineStyle === 'solid' && parseFloat(c.outlineWidth) >= 2 || c.boxShadow.includes('0px 0px 0px 3.2px')
      seen ||= e.tagName === 'INPUT' && c.borderTopStyle === 'solid' && c.borderTopColor === blue
    }
    if (!seen) without.push(e.outerHTML.slice(0, 120))
  }
  return [looked, without]
}"""


@pytest.mark.parametrize("name", PAGES)
def test_a_page(page, server, name):
    asked = listening(page, server)
    page.goto(server + name + OPENED.get(name, ""))
    page.get_by_role("heading", level=2).first.wait_for()
    idle(page)
    assert page.locator('link[rel~="icon"]').first.get_attribute("href").startswith("data:image/svg"), "the icon comes with the page"

    levels = page.evaluate(HEADINGS)
    assert levels[0] == 1 and levels.count(1) == 1, "one title, at the top"
    assert len(levels) >= 2
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False)), "no level is skipped"

    above, ground = (
        page.evaluate(f"getComputedStyle(document.querySelector('[data-testid={t}]')).backgroundColor") for t in ("stHeader", "stApp")
    )
    assert above == ground, "what is scrolled does not show through"

    for _ in range(5):  # a part of the page that is exchanged in between makes the browser forget that there is a keyboard
        page.keyboard.press("Tab")  # what the keyboard focuses shows it; a click need not
        looked, without = page.evaluate(UNSEEN)
        if not without:
            break
        idle(page)
    assert looked > 10
    assert not without

    looked, low = page.evaluate(CONTRAST)
    assert looked > 40
    assert not low

    if name == "attacks":  # the question in its title opens the answer, which is folded further down
        page.get_by_role("button", name="Does training mode protect?").click()
        page.get_by_role("heading", name="Does training mode protect?").wait_for()
        page.wait_for_function("document.querySelector('.st-key-more-training').getBoundingClientRect().top < innerHeight / 2")
        idle(page)
    opened = page.evaluate(UNFOLD)
    page.wait_for_function("n => document.querySelectorAll('[data-testid=stMain] details[open]').length >= n", arg=opened)
    idle(page)
    for width in (390, 900, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_function(FITS, timeout=20_000)
        page.wait_for_function(
            "[...document.querySelectorAll('.katex-display')].every(e => e.scrollWidth <= e.clientWidth + 3)", timeout=20_000
        )

    page.emulate_media(color_scheme="dark")
    if name not in ("curves", "guide"):  # one has none, that of the other is still once the answer is shown
        page.get_by_role("slider").first.press("ArrowLeft")
        page.wait_for_timeout(300)
    idle(page)
    least = 45 if name == "guide" else 60  # pieces of words; one screen of few words has fewer
    for _ in range(20):  # Streamlit repaints piece by piece when the system's colours change: what counts is where it settles
        looked, low = page.evaluate(CONTRAST)
        if looked > least and not low:
            break
        page.wait_for_timeout(250)
    assert looked > least and not low, "what is unfolded, on a dark ground"
    if not name:  # what opens over the page stands outside the app, whose ground is dark
        page.get_by_role("button", name="More").first.click()
        page.get_by_role("tab", name="Own picture").click()
        page.get_by_text("it is never written to disk").wait_for()
        page.wait_for_timeout(500)
        looked, low = page.evaluate(CONTRAST)
        assert looked > 60 and not low, "what opens over the page"
    assert not asked, "nothing leaves this machine"
