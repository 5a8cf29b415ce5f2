"""A person who is quicker than the page: controls that are gone answer nothing, and the page ends up showing what its address says."""

from __future__ import annotations

import contextlib
import random
import urllib.parse

import pytest
from looking import eventually, idle, settled

from invviz.protocols import PROTOCOLS
from invviz.scenario import PARTS, Scenario

pytestmark = pytest.mark.browser
BUSY = "?data=digits&model=mlp&defense=gaussian_noise&attack=inverting_gradients(steps%3D50000)"
DEFENSES = ("None", "Gaussian noise", "Clipping", "DP-SGD", "Quantisation", "Pruning", "Laplace noise", "Sign")
DATA = ("Digits", "Breast cancer", "Wine")
RED = '[data-testid="stException"], [data-testid="stAlertContentError"]'


def combobox(page, label):
    return page.get_by_test_id("stSelectbox").filter(has_text=label).get_by_role("combobox").first


def choose(page, label, title):
    """By keyboard, without waiting for anything."""
    box = combobox(page, label)
    box.focus()
    box.fill(title)
    page.keyboard.press("Enter")


def in_address(page):
    pairs = urllib.parse.parse_qsl(urllib.parse.urlsplit(page.url).query)
    return Scenario.from_pairs([(name, value) for name, value in pairs if name in PARTS or name in ("attacker", "seed", "batch")])


def shown(page):
    """What the controls say: data, protocol and defenses by their titles."""
    return [combobox(page, label).input_value().removesuffix(" (does not fit)") for label in ("Data", "Defense", "Protocol")]


def agrees(page):
    """Whether controls, address and the line under the charts say the same."""
    now = in_address(page)
    titles = [now.data.title, " + ".join(d.title for d in now.defense) or "None", now.protocol.title]
    line = page.locator('[data-testid="stCode"]').last.inner_text().strip()
    return shown(page) == titles and Scenario.parse(line) == now and page.get_by_role("slider").count() == len(now.defense)


def hurry(page, count, seed):
    """So many changes of defense, protocol and data, the strength moved in between, a few of them before the page has drawn anything."""
    from playwright.sync_api import TimeoutError  # skipped without it, see conftest

    rng, titles = random.Random(seed), [kind.title for kind in PROTOCOLS.values()]
    for _ in range(count):
        what = rng.choice(("defense", "defense", "strength", "strength", "data", "protocol"))
        if what == "strength":
            slider = page.get_by_role("slider")
            key = rng.choice(("ArrowRight", "ArrowLeft"))
            if slider.count():
                with contextlib.suppress(TimeoutError):  # it may go between the look and the press
                    slider.first.press(key, timeout=2_000)
        elif what == "defense":
            choose(page, "Defense", rng.choice(DEFENSES))
        elif what == "data":
            choose(page, "Data", rng.choice(DATA))
        else:
            choose(page, "Protocol", rng.choice(titles))
        assert not page.locator(RED).all_inner_texts()
        page.wait_for_timeout(rng.choice((0, 30, 150, 400)))


def test_the_page_keeps_up_with_quick_changes(page, server, count=9, seed=5):
    page.goto(f"{server}{BUSY}&seed={seed}")  # its own attack: one that an earlier visitor ran to its end has no button any more
    page.get_by_role("button", name="Run the attack").click()
    page.locator('[data-testid="stMain"]').get_by_role("button", name="Stop", exact=True).wait_for()
    page.get_by_role("button", name="More").click()
    page.get_by_role("tab", name="Setting").click()
    combobox(page, "Protocol").wait_for()
    hurry(page, count, seed)
    settled(lambda: (idle(page), page.url), wait=2.0)
    eventually(lambda: agrees(page))
    assert not page.locator(RED).all_inner_texts()
    again = page.context.new_page()
    again.goto(page.url)
    line = page.locator('[data-testid="stCode"]').last.inner_text()
    again.get_by_text(line, exact=True).first.wait_for()  # whoever opens the link sees the same
    again.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_many_quick_changes(page, server, seed):
    test_the_page_keeps_up_with_quick_changes(page, server, count=45, seed=seed)


def test_a_gradient_is_turned_into_an_embedding_whose_cut_moves_a_step_with_every_press_of_an_arrow(page, server):
    page.goto(f"{server}vertical?data=digits&model=vgg6(width%3D4)&attack=dlg")  # a note stands above the slider until something is chosen
    page.get_by_text("What was open sends gradients").wait_for()
    page.wait_for_function("location.href.includes('vfl')")
    slider = page.get_by_role("slider", name="The party computes")
    slider.wait_for()
    idle(page)
    slider.focus()
    for step, layer in enumerate(("conv 2", "conv 3", "conv 4"), 2):
        page.keyboard.press("ArrowRight")
        page.wait_for_function("cut => decodeURIComponent(location.href).includes('cut=' + cut)", arg=step)
        idle(page)
        assert slider.get_attribute("aria-valuetext") == layer
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("decodeURIComponent(location.href).includes('cut=3')")
