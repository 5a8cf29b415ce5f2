"""The Risk page as a person uses it: a deep link, a click on a row, the sliders, and back to the Lab."""

from __future__ import annotations

import pytest
from looking import answers_a_drag, idle, listening

pytestmark = pytest.mark.browser
MAP, DIRECTION = "canvas[aria-label*='known of each pixel']", "img[alt*='Right singular vector']"  # the browser draws the map
PIXELS = "e => e.src || e.toDataURL()"


def ready(page):
    page.locator(MAP).first.wait_for()
    idle(page)


def until_changed(page, selector, old):
    page.wait_for_function(
        f"([s, old]) => {{ const e = document.querySelector(s); return e && ({PIXELS})(e) !== old; }}", arg=[selector, old]
    )


def shown(page, selector):
    return page.locator(selector).first.evaluate(PIXELS)


def test_a_deep_link_on_a_fresh_server_is_framed_and_asks_nobody_else(page, fresh_server):
    asked = listening(page, fresh_server)
    page.goto(fresh_server + "risk?compare=layers&curve=spectrum")
    ready(page)
    page.get_by_text("Most exposed").first.wait_for()
    assert page.get_by_role("link", name="Lab").count() and page.get_by_role("link", name="Risk").count()
    assert "compare=layers" in page.url and "curve=spectrum" in page.url
    page.get_by_text("Leading singular values").first.wait_for()
    idle(page)
    assert not asked


def test_a_person_explores(page, server):
    page.goto(server + "risk")
    ready(page)

    answers_a_drag(page, "This picture", ".noise.picture canvas", "canvas => canvas.toDataURL()")

    # more noise: another map, in the address too
    before = shown(page, MAP)
    page.get_by_role("slider").first.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    until_changed(page, MAP, before)
    page.wait_for_function("location.href.includes('sigma')")

    # another direction
    before = shown(page, DIRECTION)
    page.get_by_role("slider").last.focus()
    page.keyboard.press("ArrowRight")
    until_changed(page, DIRECTION, before)
    page.wait_for_function("location.href.includes('direction=')")
    idle(page)

    # the first row of the ranking opens its picture
    table = page.locator("[data-testid='stDataFrame'] .dvn-scroller").first
    table.click(position={"x": 18, "y": 38 + 22})
    page.wait_for_function("location.href.includes('index%3D')")
    idle(page)

    # what is compared
    page.get_by_role("radio", name="Rounds").or_(page.get_by_role("button", name="Rounds")).first.click()
    page.wait_for_function("location.href.includes('compare=rounds')")
    idle(page)

    # the scenario goes along to the Lab
    picture = page.url.split("index%3D")[1].split("%")[0]
    page.get_by_role("link", name="Lab").click()
    page.get_by_text("What does one update give away").first.wait_for()
    page.wait_for_function(f"location.href.includes('index%3D{picture}')")
    assert "compare" not in page.url
