"""The Server page as a person uses it: let the server read, see tiles light up, see who objects, move the clients of a sum."""

import pytest
from looking import fits, idle

pytestmark = pytest.mark.browser
QUICK = "data=digits&model=mlp(width=8)&server=imprint(bins=64)&batch=16"
LIT = "document.querySelectorAll('.server.tiles .lit').length"


def test_a_person_lets_a_server_read(page, server):
    page.goto(f"{server}server?{QUICK}")
    page.get_by_role("button", name="Let it read").wait_for()
    page.get_by_text("Can the client notice?", exact=True).wait_for(timeout=120_000)  # the look is taken by itself
    assert page.evaluate(LIT) == 0
    idle(page)
    page.get_by_role("button", name="Let it read").click()
    page.get_by_role("button", name="It has read").wait_for(timeout=120_000)
    page.wait_for_function(f"{LIT} > 0")
    lit = page.evaluate(LIT)
    page.get_by_role("heading", name=f"{lit} of 16 pictures").wait_for()
    assert page.locator(".server img:not([alt])").count() == 0

    idle(page)
    clients = page.get_by_role("slider", name="Clients in the sum")
    before = page.locator("h3", has_text="16 clients, none").inner_text()
    clients.press("ArrowRight")
    page.wait_for_function("location.href.includes('sum=17')")
    page.locator("h3", has_text="17 clients, none").wait_for()
    assert before != page.locator("h3", has_text="17 clients, none").inner_text()
    page.set_viewport_size({"width": 390, "height": 844})
    fits(page)
