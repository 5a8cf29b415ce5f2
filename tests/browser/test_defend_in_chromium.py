"""The Defend page as a person uses it: every attack at once, a row opened, a wish solved, and over to the Lab."""

from __future__ import annotations

import pytest
from looking import down, eventually, fits, height, idle, least_noises, unfold

pytestmark = pytest.mark.browser
QUICK = "defend?data=digits&model=mlp(width%3D16)&attack=linear_layer"


def test_a_person_compares_defenses(page, server):
    page.goto(server + QUICK)
    unfold(page, "the least noise that hides it")
    page.get_by_role("heading", name="Least noise that hides it").wait_for()
    idle(page)
    fits(page)
    page.get_by_role("button", name="Run all attacks").click()
    page.get_by_role("button", name="All attacks are in").wait_for(timeout=180_000)
    page.wait_for_function("document.body.innerText.split('not run yet').length <= 3")  # only A and B may wait
    page.get_by_text("fools the unaware attacker").or_(page.get_by_text("against an attacker who knows it")).first.wait_for()

    # a wish is solved without any attack, and its answer opens
    page.get_by_role("spinbutton", name="at most (dB)").fill("20")
    page.keyboard.press("Enter")
    page.wait_for_function("location.href.includes('target=20')")
    opening = least_noises(page)
    opening.first.wait_for()
    down(page)
    opening.first.click()
    page.wait_for_function("location.href.includes('defense=gaussian_noise')")
    page.get_by_text("Before and after: Gaussian noise").first.wait_for()
    eventually(lambda: 0 <= height(page, "opened") < 300)  # in sight, wherever the click was
    idle(page)

    # the scenario goes along
    page.get_by_role("link", name="Lab").click()
    page.get_by_text("What does one update give away").first.wait_for()
    page.wait_for_function("location.href.includes('defense=gaussian_noise')")
