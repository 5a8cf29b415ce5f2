"""The tour as a person takes it: from the Lab to the first answer by the keyboard, terms in place, every stop one screen."""

from urllib.parse import urlencode

import pytest
from looking import FITS, idle

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
    assert entry.startswith("message") and "in place of its data" in entry and "∇" not in entry, "the equation is one click further"
    page.locator(".entry:popover-open summary").press("Enter")
    assert "∇" in page.evaluate(OPEN)[0]
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
    for number, stop in enumerate(STOPS, 1):
        views = {"stop": number, "lang": "de", "shown": stop.key, f"guess_{stop.key}": 0}
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{server}guide?{urlencode(views)}")
        page.locator(".guide.answer").wait_for()
        idle(page)
        assert page.evaluate(SCROLLS) <= 0, stop.key
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_function(FITS, timeout=20_000)
