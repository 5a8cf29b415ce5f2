"""The Attacks page as a person uses it: what is prepared, another victim, and one quick attack after the other."""

from __future__ import annotations

import pytest
from looking import MAIN, answers_a_drag, down, eventually, fits, idle

pytestmark = pytest.mark.browser


def test_a_person_looks_at_attacks(page, server):
    page.goto(f"{server}attacks")
    page.locator(".attacks.grid tbody tr").first.wait_for()
    page.wait_for_function("document.querySelectorAll('.attacks.tiles img').length === 3")
    assert page.locator(".attacks img:not([alt])").count() == 0
    page.get_by_test_id("stVegaLiteChart").first.wait_for()
    fits(page)

    answers_a_drag(page, "An ideal attacker", ".attacks.tiles .ideal img", "image => image.src")
    page.get_by_text("Victims to try").wait_for()
    idle(page)
    assert down(page) > 300
    page.get_by_role("button", name="A fully connected net").click()
    page.wait_for_function("location.href.includes('linear_layer')")
    eventually(lambda: page.evaluate(f"{MAIN}.scrollTop") == 0)  # the answer is in sight
    page.locator(".attacks.grid tbody", has_text="Linear layer").wait_for()
    page.get_by_role("button", name="Run all attacks").wait_for()
