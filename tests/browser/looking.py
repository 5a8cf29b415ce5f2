"""What the browser tests share: when a page is at rest, and whether it fits a window."""

from __future__ import annotations

import time

WINDOW = {
    "bypass_csp": True,  # the tests themselves evaluate text in the page; the policy is held by tests/hostile/test_gateway.py
    "viewport": {"width": 1440, "height": 900},
    "reduced_motion": "reduce",
}  # what moves without end is drawn by these very processors
AT_REST = "() => document.querySelector('[data-testid=stApp]').getAttribute('data-test-script-state') === 'notRunning'"
FITS = "document.querySelector('[data-testid=stMain]').scrollWidth <= window.innerWidth"


def idle(page):
    """The page's script has run to its end; what is clicked before may be clicked away by what is still to come."""
    page.wait_for_function(AT_REST)


def settled(look, wait=0.1, most=30.0):
    """What `look` sees once it sees the same twice in a row."""
    before, until = look(), time.monotonic() + most
    while True:
        time.sleep(wait)
        now = look()
        if now == before:
            return now
        assert time.monotonic() < until, "it does not come to rest"
        before = now


def eventually(what, most=60.0):
    """The first true answer."""
    until = time.monotonic() + most
    while not (found := what()):
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.1)
    return found


def least_noises(page):
    """Buttons of the table of least noises, once the browser draws it: until then Streamlit's own stands there, which is hidden from that moment on, perhaps under the click."""
    page.get_by_role("slider", name="What an ideal attacker may get on average").wait_for()
    idle(page)
    return page.get_by_role("button", name="Open it").filter(visible=True)


def fits(page, widths=(900, 1440)):
    """Nothing scrolls sideways, in narrow windows and in wide ones."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900 if width > 1000 else 700})
        page.wait_for_function(FITS, timeout=20_000)


def unfold(page, title):
    """Open what is folded, once the page rests: what is unfolded while it is drawn for the first time may be folded again by what is still to come."""
    page.get_by_text(title).wait_for()
    idle(page)
    page.get_by_text(title).click()
