"""The Attacks page as a person uses it: what is prepared, another victim, and one quick attack after the other."""

from __future__ import annotations

import pytest
from looking import fits, idle

pytestmark = pytest.mark.browser


def test_a_person_looks_at_attacks(page, server):
    page.goto(f"{server}attacks")
    page.locator(".attacks.grid tbody tr").first.wait_for()
    page.wait_for_function("document.querySelectorAll('.attacks.tiles img').length === 3")
    assert page.locator(".attacks img:not([alt])").count() == 0
    page.get_by_test_id("stVegaLiteChart").first.wait_for()
    fits(page)

    idle(page)
    page.get_by_role("button", name="A fully connected net").click()
    page.wait_for_function("location.href.includes('linear_layer')")
    page.locator(".attacks.grid tbody", has_text="Linear layer").wait_for()
    page.get_by_role("button", name="Run all attacks").wait_for()
