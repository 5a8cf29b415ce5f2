"""A click's answer is in sight, wherever on the page the click was; and an attack's steps are gone through by keyboard."""

from __future__ import annotations

import pytest
from looking import MAIN, down, eventually, height, idle

pytestmark = pytest.mark.browser


def test_a_scene_of_the_lab_is_in_sight(page, server):
    page.goto(server)
    page.get_by_text("Scenes to try").wait_for()
    idle(page)
    assert down(page) > 300
    page.get_by_role("button", name="No search needed", exact=True).click()
    page.wait_for_function("location.href.includes('linear_layer')")
    eventually(lambda: page.evaluate(f"{MAIN}.scrollTop") == 0)
    assert 0 < height(page, "pictures") < 400

    # the next click is answered, too, and who scrolls away is left alone
    idle(page)
    assert down(page) > 300
    page.get_by_role("button", name="A little noise", exact=True).click()
    eventually(lambda: page.evaluate(f"{MAIN}.scrollTop") == 0)
    idle(page)
    page.wait_for_timeout(1500)
    page.mouse.move(700, 400)
    page.mouse.wheel(0, 300)
    page.wait_for_timeout(500)
    assert page.evaluate(f"{MAIN}.scrollTop") > 100

    slider = page.get_by_role("slider", name="Step of the attack")
    slider.focus()
    told = page.locator("p", has_text="Step ").locator("strong", has_text="dB, matching loss")
    before = told.inner_text()
    page.keyboard.press("ArrowLeft")
    eventually(lambda: told.inner_text() != before)
