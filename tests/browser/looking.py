"""What the browser tests share: when a page is at rest, and whether it fits a window."""

from __future__ import annotations

import time

WINDOW = {
    "bypass_csp": True,  # the tests themselves evaluate text in the page; the policy is held by tests/hostile/test_gateway.py
    "viewport": {"width": 1440, "height": 900},
    "reduced_motion": "reduce",
}  # what moves without end is drawn by these very processors
AT_REST = "() => document.querySelector('[data-testid=stApp]').getAttribute('data-test-script-state') === 'notRunning'"
MAIN = "document.querySelector('[data-testid=stMain]')"
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


def down(page):
    """At the end of the page, in a window in which no page fits."""
    page.set_viewport_size({"width": 1440, "height": 600})
    page.evaluate(f"{MAIN}.scrollTo(0, 1e6)")
    return page.evaluate(f"{MAIN}.scrollTop")


def height(page, place):
    """Screen pixels from the top of the window to a container."""
    return page.locator(f".st-key-{place}").first.bounding_box()["y"]  # what was drawn before may stand below it for a moment


def listening(page, server):
    """The addresses outside this server that the page asks for from now on."""
    asked = []
    own = (server, server.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else asked.append(request.url))
    page.on("websocket", lambda socket: None if socket.url.startswith(own) else asked.append(socket.url))
    return asked


def answers_a_drag(page, begins, place, look):
    """A line of figures and the picture move while the noise slider is dragged; the rest of the page once the server has answered. In the tests of Risk, Attacks and Vertical; the Lab's is looked at closely in test_noise_slider."""
    line = page.locator(".noise.brief p")
    line.wait_for()
    idle(page)
    before = page.locator(place).evaluate(look)
    assert line.inner_text().startswith(f"{begins}: InvRE ")
    seen = page.evaluate(
        "([place, look]) => [20, 30, 40, 45].map(value => { const input = document.querySelector('.noise.slider input'); input.value = value;"
        " input.dispatchEvent(new Event('input', { bubbles: true })); return [document.querySelector('.noise.brief p').textContent, eval(look)(document.querySelector(place))] })",
        [place, look],
    )
    assert len({words for words, _ in seen} | {line}) == 5 and len({picture for _, picture in seen} | {before}) == 5
    shares = [float(words.split("InvRE ")[1][:4]) for words, _ in seen]
    assert shares == sorted(shares, reverse=True) and shares[-1] < shares[0]
    assert "moved" in page.locator("html").get_attribute("class")
    page.evaluate("() => document.querySelector('.noise.slider input').dispatchEvent(new Event('change', { bubbles: true }))")
    until(page, lambda: answered(page) and page.url.count("sigma") == 1)
    assert line.inner_text() == seen[-1][0]


def until(page, what):
    """Asked again and again; in between the browser is listened to, whose address is not asked for."""

    def looked():
        page.wait_for_timeout(20)
        return what()

    return eventually(looked)


def answered(page):
    """The server has said anew what it says of a strength."""
    return "noise-moved" not in (page.locator("html").get_attribute("class") or "")
