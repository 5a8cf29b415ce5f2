"""The tour as a person takes it: from the Lab to the first answer by the keyboard, terms in place, every stop one screen."""

import re
from urllib.parse import urlencode

import pytest
from looking import FITS, idle, settled

from invviz.ui.guide import handout
from invviz.ui.guide.stops import STOPS

pytestmark = pytest.mark.browser
OPEN = "() => [...document.querySelectorAll('.entry:popover-open')].map(e => e.innerText)"
SCROLLS = "(() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollHeight - m.clientHeight })()"


def test_the_first_stops_by_keyboard(page, server):
    page.goto(server)
    page.get_by_role("link", name="Take the tour").click()
    page.get_by_role("heading", name="1. What leaves the device?").wait_for()
    idle(page)
    term = page.get_by_role("button", name="message", exact=True).first
    term.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.entry:popover-open')")
    (entry,) = page.evaluate(OPEN)
    assert entry.startswith("message") and "in place of its data" in entry and "η" not in entry, "the equation is one click further"
    page.locator(".entry:popover-open summary").press("Enter")
    assert "r = G(x) + η" in page.evaluate(OPEN)[0] and "the message as sent" in page.evaluate(OPEN)[0]
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('.entry:popover-open')")

    show = page.get_by_role("button", name="Show the answer")
    assert show.is_disabled() and page.locator(".guide.answer").count() == 0
    page.get_by_role("radio", name="A", exact=True).click()
    page.wait_for_function("![...document.querySelectorAll('button')].find(b => b.innerText === 'Show the answer').disabled")
    show.click()
    page.get_by_text("You guessed: A.").wait_for()
    page.get_by_role("button", name="Next stop").click()
    page.get_by_role("heading", name="2. Can the picture come back?").wait_for()
    idle(page)
    page.get_by_role("slider").first.press("ArrowRight")  # from no guess to the first
    page.wait_for_url("**guess_back=0**")
    page.get_by_role("button", name="Show the answer").click()
    page.get_by_text("More than you guessed.").wait_for()
    page.wait_for_url("**shown=leaves%2Cback**")


def test_every_stop_with_its_answer_is_one_screen(page, server):
    views = {"stop": 1, "lang": "de", "shown": ",".join(stop.key for stop in STOPS), **{f"guess_{stop.key}": 0 for stop in STOPS}}
    page.goto(f"{server}guide?{urlencode(views)}")
    for number in range(1, len(STOPS) + 1):
        page.set_viewport_size({"width": 1440, "height": 900})
        page.locator(".guide h2", has_text=f"{number}. ").wait_for()
        page.locator(".guide.answer").wait_for()
        idle(page)
        page.wait_for_function(f"{SCROLLS} <= 0", timeout=20_000)  # from narrow to wide it is laid out in steps
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_function(FITS, timeout=20_000)
        if number < len(STOPS):
            page.get_by_role("button", name="Nächste Station").click()


ORDER = """() => { const e = document.activeElement; return (e.getAttribute('aria-label') || e.innerText || e.tagName).trim(); }"""


def test_the_keyboard_goes_from_the_question_over_the_scale_to_the_answer(page, server):
    """By Tab: the open stop of the bar, not the first; the pictures of the scale, the slider, the button, in the order in which they are read; entries leave the answer free."""
    page.goto(f"{server}guide?stop=3&guess_noise=2")
    page.get_by_role("heading", name="3. How much noise hides it?").wait_for()
    idle(page)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(FITS, timeout=20_000)
        goes_to_the_answer(page, width)
        page.keyboard.press("Escape")
        page.mouse.click(2, 2)  # from here on the keyboard begins at the top


def goes_to_the_answer(page, width):
    seen = []
    for _ in range(45):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(ORDER))
        if seen[-1] == "Show the answer":
            break
    bar = [one for one in seen if one in ("1", "2", "3", "4")]
    assert bar[0] == "3" and seen[-1] == "Show the answer", seen
    places = [seen.index(one) for one in ("3", "ideal attacker", "nothing", "everything", "Show the answer")]
    assert places == sorted(places)
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.matches('.st-key-guide-slider :is([role=slider], input)')"), "right before the button"
    tops = page.evaluate(
        "['.guide h2', '.guide.tiles', '.st-key-guide-slider', '.st-key-guide-act'].map(s => document.querySelector(s).getBoundingClientRect().top)"
    )
    assert width > 640 or tops == sorted(tops)

    page.get_by_role("button", name="ideal attacker", exact=True).click()
    page.wait_for_function("document.querySelector('.entry:popover-open')")
    covered = page.evaluate("""() => { const a = document.querySelector('.entry:popover-open').getBoundingClientRect();
      return [...document.querySelectorAll('.guide .said, .guide img')].map(e => e.getBoundingClientRect()).filter(b => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom).length; }""")
    assert covered == 0, "it opens over neither the text nor the pictures"
    inside = page.evaluate(
        "(() => { const a = document.querySelector('.entry:popover-open').getBoundingClientRect(); return a.left >= 0 && a.right <= innerWidth && a.bottom <= innerHeight })()"
    )
    assert inside


WIDTHS = "() => [...document.querySelectorAll('.guide.tiles figure')].map(e => e.firstElementChild.nextElementSibling.getBoundingClientRect().width)"


def test_in_front_of_a_class_the_button_that_waits_is_there_pictures_are_large_and_the_stop_with_most_fits(page, server):
    """On a projector: four pictures of the stop on noise, wide, and what InvRE is a share of whole at the window's foot; on the smallest one scrolls, and nothing is cut."""
    page.goto(f"{server}guide?present=on&stop=1&shown=noise&guess_noise=3")
    page.get_by_role("button", name="Show the answer").wait_for(
        state="visible"
    )  # help that opens on pointing is left out; a button that has some stays
    idle(page)
    page.get_by_role("radio", name="3 ✓").or_(page.get_by_role("button", name="3 ✓")).first.click()
    page.locator(".guide.answer").wait_for()
    idle(page)
    for width, height, least in ((1440, 900, 190), (1920, 1080, 250), (900, 700, 150)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(f"innerWidth === {width}")
        widths = settled(lambda: page.evaluate(WIDTHS))
        assert len(widths) == 4 and min(widths) >= least
        assert width == 900 or page.evaluate(SCROLLS) <= 0
        page.wait_for_function(FITS, timeout=20_000)
        cut = page.evaluate(
            "[...document.querySelectorAll('.shares .row > span, .guide figcaption')].filter(e => e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1).length"
        )
        assert cut == 0


@pytest.mark.parametrize("lang", ["en", "de"])
def test_the_hand_out_prints_one_page_a_stop_and_cuts_no_box(page, lang):
    """On A4, through the browser that a teacher prints with."""
    page.set_content(handout.students(lang))
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1047})  # A4 at 96 dots per inch, less the printer's margins
    heights = page.evaluate(
        "[...document.querySelectorAll('section')].map(e => e.getBoundingClientRect().bottom - (e.previousElementSibling?.tagName === 'SECTION' ? e.getBoundingClientRect().top : 0))"
    )
    assert len(heights) == len(STOPS) and max(heights) < 1047 and page.evaluate("document.documentElement.scrollWidth") <= 718
    pages = lambda made: len(re.findall(rb"/Type\s*/Page\b", made))  # noqa: E731
    assert pages(page.pdf(format="A4", prefer_css_page_size=True)) == len(STOPS)
    page.set_content(handout.teachers(lang))
    assert 1 < pages(page.pdf(format="A4", prefer_css_page_size=True)) <= 6
