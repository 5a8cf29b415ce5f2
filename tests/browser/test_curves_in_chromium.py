"""The Curves page as a person uses it: a sweep launched, a point clicked, and over to the Lab."""

from __future__ import annotations

import pytest
from looking import fits, idle, settled

pytestmark = pytest.mark.browser
BASE = "data=digits&model=mlp&attack=linear_layer&train=federated(rounds=20,lr=0.01)"
LINE = f"{BASE} | seed=0 | defense=none,gaussian_noise(sigma=0.1),gaussian_noise(sigma=1.0) | data.index=0..1 | what=train,unaware,aware"
SPOTS = """() => {
  const plot = document.querySelector('.js-plotly-plot'), layout = plot._fullLayout, frame = plot.getBoundingClientRect(), spots = {};
  for (const trace of plot.data)
    if (trace.hovertext) trace.x.forEach((x, i) => {
      spots[trace.customdata[i]] = [frame.x + layout.xaxis._offset + layout.xaxis.d2p(x), frame.y + layout.yaxis._offset + layout.yaxis.d2p(trace.y[i])];
    });
  return spots;
}"""
RINGED = """() => {
  const plot = document.querySelector('.js-plotly-plot'), place = plot.data.findIndex(trace => trace.name === 'shown beside');
  const rings = plot.querySelectorAll('.scatterlayer .trace')[place].querySelectorAll('path.point');
  return plot.data[place].customdata.filter((key, i) => getComputedStyle(rings[i]).opacity > 0.5);
}"""


def launched(page, server):
    """A person pastes a sweep where nothing is computed yet, and waits until it is done."""
    page.goto(server + "curves?data=digits&model=mlp&attack=linear_layer")
    page.get_by_text("Nothing has been computed yet").or_(page.get_by_text("Open in the Lab")).first.wait_for()
    if page.get_by_text("Open in the Lab").first.is_visible():  # a study is shipped: the form is folded away
        page.get_by_text("Run your own sweep").click()
    idle(page)
    page.get_by_role("textbox", name="Or paste a sweep line").fill(LINE)
    page.keyboard.press("Control+Enter")
    page.get_by_text("6 cells, 13 jobs to compute").wait_for()
    page.get_by_role("button", name="Launch").click()
    page.wait_for_function("location.href.includes('of=')")
    page.get_by_role("heading", name="At most 1 point of accuracy").wait_for(timeout=240_000)
    page.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True).wait_for(state="hidden", timeout=240_000)
    return page.url


def test_a_click_on_a_point_shows_it_and_the_lab_opens_it(page, server):
    address = launched(page, server)
    page.set_viewport_size({"width": 900, "height": 700})
    page.goto(address)
    page.get_by_text("Take it with you").wait_for()
    idle(page)
    page.get_by_text("Run your own sweep").click()
    page.get_by_role("textbox", name="Or paste a sweep line").wait_for()
    idle(page)
    fits(page)
    assert page.locator(".curves img:not([alt])").count() == 0
    page.get_by_text("All strengths").click()
    page.wait_for_function("location.href.includes('span=all')")
    page.get_by_text("Open in the Lab").first.wait_for()
    idle(page)
    page.wait_for_function("() => document.querySelector('.js-plotly-plot')?._fullLayout?.xaxis")
    spots = settled(lambda: page.evaluate(SPOTS))
    assert {"none", "gaussian_noise@0.1", "gaussian_noise@1"} == set(spots)
    page.mouse.move(*spots["gaussian_noise@1"])
    page.wait_for_function("document.querySelector('.js-plotly-plot')._hoverdata?.length")  # a click counts for what is hovered over
    page.mouse.click(*spots["gaussian_noise@1"])
    page.wait_for_function("location.href.includes('point=gaussian_noise')")
    page.get_by_text("100 % of the message's typical entry").first.wait_for()
    page.wait_for_function("document.querySelectorAll('.curves.shots img').length === 3")

    idle(page)
    assert page.evaluate(RINGED) == ["gaussian_noise@1"], "a ring marks the point that was clicked, and no other"
    shown = page.locator(".curves.shots figure.aware figcaption").inner_text().splitlines()[-1].split(",")[0]
    page.get_by_role("button", name="Open in the Lab").click()
    page.get_by_text("What does one update give away").first.wait_for()
    page.wait_for_function("location.href.includes('sigma%3D1.0') || location.href.includes('sigma=1.0')")
    page.get_by_text("The client's picture").first.wait_for()
    page.get_by_role("button", name="Finished").wait_for()
    page.locator(".st-key-pictures").get_by_text(shown).first.wait_for()  # the very run that stood beside the plane
