"""What holds on every page: nothing is asked of another machine, headings, focus, keyboard, no violation that axe-core calls serious, the bar above, narrow windows."""

import importlib.util
from pathlib import Path

import pytest
from looking import FITS, eventually, fits, idle, listening, settled

from invviz.datasets.fair import is_here as fair_is_here
from invviz.jobs.store import Store, Wanted
from invviz.scenario import Scenario
from invviz.ui import cards, pages

pytestmark = pytest.mark.browser
OPENED = {"guide": "?stop=3&guess_noise=4&shown=noise"}  # its longest screen
PAGES = tuple("" if name == pages.HOME else name for name in pages.PAGES)


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


# Every stop of the Tab key, in the order of the page; of a row of buttons of which one is pressed the arrows reach the others. A chart's own bar comes and goes.
STOPS = """() => {
  let count = 0
  for (const e of document.querySelectorAll('a[href], button, input, textarea, select, summary, [tabindex]'))
    if (e.tabIndex >= 0 && !e.disabled && e.checkVisibility({visibilityProperty: true}) && !e.closest('[inert]')) e.dataset.stop = count++
  document.querySelector('[data-stop="0"]').focus()
  return count
}"""
HERE = "() => document.activeElement?.dataset.stop ?? null"
MISSED = """reached => [...document.querySelectorAll('[data-stop]')].filter(e => !reached.includes(+e.dataset.stop) && !e.matches('[kind=elementToolbar]')).filter(e => {
  const row = e.closest('[data-testid="stButtonGroup"], [role="radiogroup"], [role="tablist"]')
  return !row || ![...row.querySelectorAll('[data-stop]')].some(o => reached.includes(+o.dataset.stop))
}).map(e => e.outerHTML.slice(0, 160))"""
AXE = """async rules => (await axe.run(document, {resultTypes: ['violations'], ...rules})).violations
  .filter(v => ['serious', 'critical'].includes(v.impact)).map(v => [v.id, v.help, v.nodes.map(n => n.html.slice(0, 160))])"""
# All else: every word has just been looked at by CONTRAST, in a twentieth of axe's time.
NAMES = {"rules": {"color-contrast": {"enabled": False}}}
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}  # what colours change; names and roles they do not
SAVED = """() => {
  const shown = what => [...document.querySelectorAll(`[data-testid=stMain] :is(${what})`)].filter(e => e.checkVisibility({visibilityProperty: true}) && e.getBoundingClientRect().width > 4).length
  const pictures = document.querySelectorAll('dialog.saving li:has(img)').length
  return [[document.querySelectorAll('dialog.saving li').length - pictures, pictures], [shown('[data-testid=stVegaLiteChart], .js-plotly-plot, .noise.spectrum svg'), shown('img, .noise.picture canvas')]]
}"""


# Those that Streamlit folds away lie over the first one.
NAMED = """() => [...document.querySelectorAll('[data-testid=stTopNavLink]')].map(e => [e, e.getBoundingClientRect()])
  .filter(([e, box], k, all) => k === 0 || box.left >= all[k - 1][1].right).map(([e]) => e.innerText.trim())"""
NARROW = """() => {
  const head = document.querySelector('.st-key-head'), [title, words] = [head.querySelector('h1'), head.querySelector('.st-key-words')].map(e => e?.getBoundingClientRect())
  const cut = [...document.querySelectorAll('.st-key-controls input')].filter(e => e.scrollWidth > e.clientWidth).map(e => e.value)
  const steps = [...document.querySelectorAll('.st-key-controls [data-testid^=stNumberInputStep]')].filter(e => e.checkVisibility()).length
  return {beside: !words || words.top < title.bottom && words.bottom > title.top && words.right <= innerWidth, cut, steps}
}"""
WITH_WORDS = ("", "risk", "vertical", "attacks", "results")


@pytest.fixture(scope="module")
def axe():
    """The script of axe-core; it comes inside of a wheel (requirements-dev.txt)."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None:
        pytest.skip("axe-core is absent: pip install -r requirements-dev.txt")
    return (Path(found.origin).parent / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def two_results(server, folder):
    """Keys of two attacks that the server's worker has run."""
    store = Store(folder)
    keys = [store.submit("run", Scenario.parse(f"data=digits(index={i})&model=mlp&attack=linear_layer"), "me") for i in (2, 3)]
    return store, keys


def goes_through(page):
    """The Tab key comes to everything once, in the order of the page, and out again at its end."""
    for _ in range(5):  # what is drawn anew in between has lost its number
        idle(page)
        count, reached = page.evaluate(STOPS), [0]
        assert count > 10
        for _ in range(count + 60):  # charts show buttons while they have the focus
            page.keyboard.press("Tab")
            stop = page.evaluate(HERE)
            if stop is not None and int(stop) in reached:
                break
            reached += [] if stop is None else [int(stop)]
        if not (missed := page.evaluate(MISSED, reached)):
            break
    assert reached == sorted(reached)
    assert not missed


def violations(page, rules=None):
    """Serious ones, of all rules or of these, once the page is at rest: while a part of it unfolds its formulas are wider than it is."""
    for _ in range(8):
        idle(page)  # what is being drawn anew is pale for so long
        if not (found := page.evaluate(AXE, rules or {})):
            break
        page.wait_for_timeout(500)
    return found


def saves_all(page):
    """The list of what can be saved holds every chart and picture, by keyboard, and leaves the focus where it was."""
    for _ in range(5):  # a chart that is drawn anew in this moment has nothing to save
        idle(page)
        page.get_by_role("button", name="Save", exact=True).focus()
        page.keyboard.press("Enter")
        page.locator("dialog.saving").wait_for()
        listed, shown = page.evaluate(SAVED)
        if listed == shown:
            break
        page.keyboard.press("Escape")
        page.wait_for_timeout(500)
    assert listed == shown
    assert all(words.strip() not in ("", "picture") for words in page.locator("dialog.saving li > span").all_inner_texts())
    page.keyboard.press("Escape")
    page.locator("dialog.saving").wait_for(state="detached")
    assert page.evaluate("document.activeElement.dataset.tool") == "save"


def ticks_two(page):
    """The first two rows of the list, one after the other; what they are stands beside each other then."""
    for row in (0, 1):
        list_ = page.get_by_test_id("stDataFrame").bounding_box()
        page.mouse.click(list_["x"] + 17, list_["y"] + 38 + 44 * row + 22)
        page.wait_for_function("n => new URLSearchParams(location.search).get('ticked')?.split(',').length === n", arg=row + 1)
        idle(page)
    page.get_by_role("heading", level=3).nth(1).wait_for()
    idle(page)


def narrow(page, name):
    """At 900 pixels words stand beside the title, all pages are named and nothing that is chosen is cut."""
    page.set_viewport_size({"width": 900, "height": 700})
    named = [pages.PAGES[one].title for one in pages.PAGES]
    eventually(lambda: page.evaluate(NAMED) == named, 20)
    steps = 0 if name == "results" else 2  # what a narrow field of a number loses; drawn once its width is known
    eventually(lambda: page.evaluate(NARROW) == {"beside": True, "cut": [], "steps": steps}, 20)


@pytest.mark.parametrize("name", PAGES)
def test_a_page(page, server, name, axe, two_results):
    asked = listening(page, server)
    address = server + name + OPENED.get(name, "")
    if name == "results":  # with something in it
        store, keys = two_results
        eventually(lambda: store.count(Wanted(keys=tuple(keys))) == 2)
    page.goto(address)
    page.get_by_role("heading", level=2).first.wait_for()
    idle(page)
    if name in WITH_WORDS:
        narrow(page, name)
    fits(page)  # as it opens: what is folded is still so
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if name == "results":
        ticks_two(page)
    assert page.locator('link[rel~="icon"]').first.get_attribute("href").startswith("data:image/svg"), "the icon comes with the page"

    levels = page.evaluate(HEADINGS)
    assert levels[0] == 1 and levels.count(1) == 1, "one title, at the top"
    assert len(levels) >= 2
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False)), "no level is skipped"

    above, ground = (
        page.evaluate(f"getComputedStyle(document.querySelector('[data-testid={t}]')).backgroundColor") for t in ("stHeader", "stApp")
    )
    assert above == ground, "what is scrolled does not show through"

    for _ in range(15):  # a part of the page that is exchanged in between makes the browser forget that there is a keyboard
        page.keyboard.press("Tab")  # what the keyboard focuses shows it; a click need not
        looked, without = page.evaluate(UNSEEN)
        if not without:
            break
        page.wait_for_timeout(200)
        idle(page)
    assert looked > 10
    assert not without

    looked, low = settled(lambda: page.evaluate(CONTRAST))  # a help that the keyboard has opened is still coming or going
    assert looked > 40
    assert not low
    page.evaluate(axe)
    assert not violations(page, NAMES), "light"
    goes_through(page)
    saves_all(page)
    if not name:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy link").click()
        page.get_by_role("button", name="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == page.url
        # as on a server without https, where browsers have no clipboard for scripts
        page.evaluate(
            "navigator.clipboard.writeText('nothing'); Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})"
        )
        page.get_by_role("button", name="Copy link").click()
        page.get_by_role("button", name="Copied").wait_for()
        page.evaluate("delete navigator.clipboard")
        assert page.evaluate("navigator.clipboard.readText()") == page.url

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
        if width == 390:
            assert not violations(page), "what is scrolled by itself there is reached by keyboard"

    page.emulate_media(color_scheme="dark")
    page.wait_for_function(FITS, timeout=20_000)
    if name not in ("curves", "guide", "results", "audit"):  # three have none, that of the guide is still once the answer is shown
        page.get_by_role("slider").first.press("ArrowLeft")
        page.wait_for_timeout(300)
    idle(page)
    least = {"guide": 45, "results": 40, "audit": 45}.get(
        name, 60
    )  # pieces of words; one screen of few words has fewer, and words of a table stand in a canvas
    for _ in range(20):  # Streamlit repaints piece by piece when the system's colours change: what counts is where it settles
        looked, low = page.evaluate(CONTRAST)
        if looked > least and not low:
            break
        page.wait_for_timeout(250)
    assert looked > least and not low, "what is unfolded, on a dark ground"
    assert not violations(page, COLOURS), "what is unfolded, on a dark ground"
    if not name:  # what opens over the page stands outside the app, whose ground is dark
        page.get_by_role("button", name="More").first.click()
        page.get_by_role("tab", name="Own picture").click()
        page.get_by_text("it is never written to disk").wait_for()
        page.wait_for_timeout(500)
        looked, low = page.evaluate(CONTRAST)
        assert looked > 60 and not low, "what opens over the page"
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Words").click()
        page.get_by_text("What the message takes away").first.wait_for()
        page.wait_for_timeout(500)
        assert not violations(page), "the words of the page, on a dark ground"
    assert not asked, "nothing leaves this machine"


FURTHER = {
    **{title: "?" + scenario for scenario, title, *_ in (*cards.BEYOND, cards.MARRIAGES if fair_is_here() else cards.TUMOURS)},
    "a board of a class": "guide?stop=3&class=7b&board=on",
    "the link of a class": "guide",
}


@pytest.mark.parametrize("name", FURTHER)
def test_a_screen_that_no_page_opens_with(page, server, name, axe):
    """Samples that are no pictures in the Lab, what a teacher has on the screen, and what opens over it: the same of axe, keyboard and narrow windows, light and dark."""
    page.goto(server + FURTHER[name])
    page.get_by_role("heading", level=2).first.wait_for()
    idle(page)
    page.evaluate(axe)
    if name == "the link of a class":
        page.get_by_role("button", name="For teachers").click()
        page.get_by_role("button", name="A link for my class").click()
        page.get_by_role("textbox", name="Name of the class").fill("7 b")
        page.keyboard.press("Enter")
        page.get_by_text("In the links the class is called 7-b").wait_for()
        page.get_by_role("radio", name="the Lab, with what is shown now").or_(
            page.get_by_role("button", name="the Lab, with what is shown now")
        ).first.click()
        page.get_by_text("all of these").wait_for()
        page.mouse.move(5, 5)
    else:
        goes_through(page)
        page.evaluate(
            "document.querySelector('[data-testid=stMain]').scrollTo(0, 0)"
        )  # axe takes a blue button below the bar above for its ground
    looked, low = settled(lambda: page.evaluate(CONTRAST))
    assert looked > 30 and not low, "light"
    assert not violations(page, NAMES), "light"
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function(FITS, timeout=20_000)
    page.emulate_media(color_scheme="dark")
    idle(page)
    for _ in range(20):
        looked, low = page.evaluate(CONTRAST)
        if looked > 30 and not low:
            break
        page.wait_for_timeout(250)
    assert looked > 30 and not low, "dark"
    assert not violations(page), "dark"


def saved(page, entry, form):
    """A file that the list hands over, as bytes."""
    with page.expect_download() as coming:
        page.locator("dialog.saving li", has_text=entry).get_by_role("button", name=f"{form}: ").click()
    return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()


def test_what_is_saved_under_the_apps_own_policy(strict, server):
    """Without the tests' way round the content security policy: a chart as PNG and SVG with its numbers as CSV, a picture as PNG, the link, the report."""
    from invviz.studies.gallery import load

    page, refused = strict.new_page(), []
    page.on("console", lambda message: refused.append(message.text) if "Content Security Policy" in message.text else None)
    page.goto(server)
    page.get_by_test_id("stVegaLiteChart").nth(2).wait_for()
    page.get_by_text("Deep leakage (DLG) ended after").wait_for()
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("dialog.saving").wait_for()
    name, png = saved(page, "PSNR over the steps", "PNG")
    assert name.startswith("invviz-psnr-over-the-steps") and name.endswith(".png") and png.startswith(b"\x89PNG") and len(png) > 5_000
    _, svg = saved(page, "PSNR over the steps", "SVG")
    assert svg.startswith(b"<svg") and svg.count(b"<path") > 5 and b"step of the attack" in svg
    _, csv = saved(page, "PSNR over the steps", "CSV")
    head, *rows = csv.decode().strip().split("\n")
    kept = load("opening").arrays
    assert head.split(",")[:2] == ["step", "value"]
    numbers = {int(float(row.split(",")[0])): float(row.split(",")[1]) for row in rows}
    steps = dict(zip(kept["frame_steps"].tolist(), kept["frame_psnr"].tolist(), strict=True))
    assert set(numbers) >= set(steps) and all(abs(numbers[step] - psnr) < 6e-3 for step, psnr in steps.items())
    _, picture = saved(page, "What is private", "PNG")
    assert picture.startswith(b"\x89PNG")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Copy link").click()
    page.get_by_role("button", name="Copied").wait_for()
    with page.expect_download() as coming:
        page.locator(".st-key-report").get_by_role("button").first.click()
    report = Path(coming.value.path()).read_text()
    assert coming.value.suggested_filename == "invviz-report.html" and "an ideal attacker recovers 99 %" in report and "31.1 dB" in report
    assert not refused
    page.close()
