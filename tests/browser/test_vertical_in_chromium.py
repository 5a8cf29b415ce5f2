"""The Vertical page as a person uses it: attack at every depth, move the cut, change the parties."""

import pytest
from looking import answers_a_drag, fits, idle

pytestmark = pytest.mark.browser
QUICK = "data=digits&model=convnet(width%3D2)&protocol=vfl&defense=gaussian_noise(sigma%3D0.1)&attack=rmle(steps%3D30)"


def test_a_person_explores_depths(page, server):
    page.goto(f"{server}vertical?{QUICK}")
    page.get_by_role("button", name="Attack at every depth").wait_for()
    idle(page)
    page.get_by_role("button", name="Attack at every depth").click()
    page.get_by_role("button", name="All attacks are in").wait_for(timeout=240_000)
    page.wait_for_function(
        "document.querySelectorAll('.vertical.depths tbody img').length === 6", timeout=120_000
    )  # three attackers at two depths
    assert page.locator(".vertical img:not([alt])").count() == 0
    answers_a_drag(page, "At this depth", ".vertical.tiles .ideal img", "image => image.src")

    idle(page)
    page.get_by_role("slider", name="The party computes").press("ArrowRight")
    page.wait_for_function("location.href.includes('cut%3D2') || location.href.includes('cut=2')")
    page.locator(".vertical thead th.open", has_text="conv 2").wait_for()
    idle(page)

    page.get_by_role("radio", name="4", exact=True).or_(page.get_by_role("button", name="4", exact=True)).first.click()
    page.wait_for_function("location.href.includes('parties%3D4') || location.href.includes('parties=4')")
    page.get_by_text("Cut among 4 parties").wait_for()

    fits(page)
