"""The noise slider as a person moves it, under the page's own policy: what is drawn while it is dragged, what Python hears, keys, narrow windows."""

from __future__ import annotations

import numpy as np
import pytest
from looking import FITS, WINDOW, answered, idle, until

from invviz.core.pixels import as_bytes
from invviz.risk import invre, k_star, psnr_ceiling
from invviz.studies import gallery

pytestmark = pytest.mark.browser
SLIDER = ".noise.slider input"
INSIDE = """() => {
  const canvas = document.querySelector('.noise.picture canvas'), border = 6, side = canvas.width - 2 * border, zoom = side / 32
  const data = canvas.getContext('2d').getImageData(border, border, side, side).data, out = []
  for (let c = 0; c < 3; c++) for (let y = 0; y < 32; y++) for (let x = 0; x < 32; x++) out.push(data[4 * (Math.floor((y + .5) * zoom) * side + Math.floor((x + .5) * zoom)) + c])
  return out
}"""
DRAG = """values => {
  const input = document.querySelector('.noise.slider input'), canvas = document.querySelector('.noise.picture canvas'), seen = []
  const picture = %s
  for (const value of values) {
    input.value = value
    input.dispatchEvent(new Event('input', { bubbles: true }))
    seen.push({ words: document.querySelector('.noise.slider output').textContent, title: document.querySelector('.noise.finding h2').textContent,
      best: document.querySelector('.noise.finding strong').textContent, directions: document.querySelector('.noise.spectrum h3').textContent,
      floor: document.querySelector('.noise.spectrum .floor').getAttribute('transform'), said: document.querySelector('.noise.picture p').textContent, picture: picture() })
  }
  return seen
}"""


@pytest.fixture(scope="module")
def opened(strict):
    """Without `bypass_csp`: what the policy forbids does not run."""
    page = strict.new_page()
    errors = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    yield page, errors
    page.close()


@pytest.fixture
def lab(opened, server):
    """With the noise that somebody has left it at."""
    page, errors = opened
    if not page.url.startswith(server):
        page.goto(server)
    ready(page)
    yield page
    assert not errors


def ready(page):
    page.locator(".noise.picture canvas").wait_for()
    page.locator(".noise.spectrum .floor").wait_for(state="attached")
    at_rest(page)


def at_rest(page):
    until(page, lambda: page.locator('[data-testid="stApp"]').get_attribute("data-test-script-state") == "notRunning")


def test_everything_is_drawn_while_it_is_dragged(opened, server):
    """One frame an event; all figures and the picture are Python's; Python itself hears nothing of it."""
    lab, errors = opened
    lab.goto(server)  # where nobody has moved anything
    ready(lab)
    assert lab.get_by_role("slider").count() == 2, "this one and the attack's steps; the one in whose stead it stands is hidden"
    scene, before = gallery.load("opening"), lab.url
    places = [*range(1, 52), *range(50, 41, -1)]  # past "none", which is one level and not one of the 51 that are kept
    seen = lab.evaluate(DRAG % INSIDE, places)
    assert len(seen) == 60
    assert (
        all(len({one[what] for one in seen}) > 25 for what in ("words", "title", "best", "directions", "floor", "said"))
        and lab.url == before
    )
    d, rms, floor = scene.decomposition, scene.size.rms, scene.scenario.floor
    for place, one in zip(places, seen, strict=True):
        sigma = (
            rms
            * (
                floor**2
                + float(f"{[1, 1.26, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8][(place - 1) % 10] * 10.0 ** ((place - 1) // 10 - 4):.3g}") ** 2
            )
            ** 0.5
        )
        assert one["title"].startswith(f"InvRE {invre(d, sigma):.2f}: ") and one["best"] == f"{psnr_ceiling(d, sigma):.1f} dB"
        assert one["directions"].startswith(f"{k_star(d, sigma):,} of 3,072 ")
        assert np.abs(np.array(one["picture"]) - as_bytes(scene.ideal(sigma)).ravel().astype(int)).max() <= 1
    assert not answered(lab), "what the server has to say anew is faded until it has"
    assert not errors


def test_python_hears_of_it_when_it_is_let_go(lab):
    box, before = lab.locator(SLIDER).bounding_box(), lab.url
    height, at = box["y"] + box["height"] / 2, lambda share: box["x"] + share * box["width"]
    said = lab.locator(".st-key-after-noise-finding").inner_text()
    lab.mouse.move(at(0.4), height)
    lab.mouse.down()
    for k in range(20):
        lab.mouse.move(at(0.4 + k / 50), height)
    shown = lab.locator(".noise.slider output").inner_text()
    assert lab.url == before and not answered(lab) and lab.locator(".st-key-after-noise-finding").inner_text() == said
    lab.mouse.up()
    until(lab, lambda: lab.url != before and "sigma" in lab.url and answered(lab))
    assert lab.locator(".noise.slider output").inner_text() == shown
    until(lab, lambda: lab.locator(".st-key-after-noise-finding").inner_text() != said)
    until(lab, lambda: not lab.locator(".st-key-plain-picture img, .st-key-plain-spectrum canvas").count())  # the server draws them no more

    link, picture = lab.url, lab.evaluate(INSIDE)
    lab.goto(link)
    ready(lab)
    assert lab.locator(".noise.slider output").inner_text() == shown and lab.evaluate(INSIDE) == picture


def test_keys_move_it_and_say_so(lab):
    slider = lab.get_by_role("slider", name="Gaussian noise: strength")
    lab.evaluate(DRAG % "() => null", [21])
    before = lab.url
    slider.focus()
    was = slider.get_attribute("aria-valuetext")
    assert was == "1 % of the message's typical entry, InvRE 0.99"
    for key in ("ArrowRight", "ArrowRight", "PageUp", "ArrowLeft"):
        lab.keyboard.press(key)
        now = slider.get_attribute("aria-valuetext")
        assert now != was
        was = now
    until(lab, lambda: lab.url != before and "sigma" in lab.url and answered(lab))
    at_rest(lab)
    assert lab.evaluate("() => document.activeElement.type") == "range" and slider.get_attribute("aria-valuetext") == was, (
        "it keeps the keyboard"
    )
    lab.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext").startswith("none (0), InvRE")
    lab.keyboard.press("Tab")  # leaving is letting go
    until(lab, lambda: "sigma%3D0.0)" in lab.url.replace("%29", ")") or "sigma%3D0)" in lab.url.replace("%29", ")"))
    hint = lab.get_by_role("button", name="What is this?")
    assert lab.evaluate("() => document.activeElement.className") != "help" or hint.count()
    hint.click()
    lab.get_by_text("Formal guarantee").first.wait_for()


def test_it_fits_a_telephone(lab):
    lab.keyboard.press("Escape")
    fingers = lab.context.new_cdp_session(lab)
    fingers.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    for width in (360, 390):
        lab.set_viewport_size({"width": width, "height": 844})
        until(lab, lambda: lab.evaluate(FITS))
        for what in (SLIDER, ".noise.picture canvas", ".noise.spectrum svg", ".noise.finding h2"):
            box = lab.locator(what).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width + 0.5, what
    output, address = lab.locator(".noise.slider output"), lab.url
    before, box = output.inner_text(), lab.locator(SLIDER).bounding_box()
    finger = {"x": box["x"] + 0.8 * box["width"], "y": box["y"] + box["height"] / 2}
    fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [finger]})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    until(lab, lambda: output.inner_text() != before and lab.url != address and "sigma" in lab.url)
    fingers.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    lab.set_viewport_size(WINDOW["viewport"])


def test_a_browser_that_refuses_the_script_has_streamlits_own(page, server):
    page.route("**/bidi-components/**", lambda route: route.abort())
    page.goto(server)
    slider = page.get_by_role("slider").first
    slider.wait_for()
    idle(page)
    page.locator('[data-testid="stVegaLiteChart"]').first.wait_for()
    assert page.locator(".st-key-pictures img").count() == 3
    assert not page.locator(".noise").count() and not page.get_by_text("BidiComponent Error").first.is_visible()
    picture = page.locator(".st-key-pictures img").nth(1).get_attribute("src")
    slider.focus()
    page.keyboard.press("ArrowRight")
    until(page, lambda: "sigma" in page.url and page.locator(".st-key-pictures img").nth(1).get_attribute("src") != picture)


SAYS = """async now => {
  const script = performance.getEntriesByType('resource').map(one => one.name).find(one => one.includes('/noise.js'))
  const { Picture } = await import(script.replace(/noise\\.js.*/, 'picture.js'))
  const root = document.createElement('div'), picture = new Picture(root)
  picture.update({ title: 'The picture' })
  picture.draw({ table: {}, now: () => now })
  return [root.innerText || root.textContent, root.classList.contains('old')]
}"""


def test_where_no_picture_can_be_drawn_it_is_said_why(lab):
    """Of coloured noise the figures are known between strengths and the picture is not: it is said under a faded one."""
    words, faded = lab.evaluate(SAYS, {"sigma": None, "drawn": False})
    assert "Coloured noise: another picture at each strength" in words and faded
    words, faded = lab.evaluate(SAYS, {"sigma": 1.0, "drawn": False})
    assert words.strip() == "drawn when you let go" and faded
    assert lab.evaluate(SAYS, None)[0].strip() == "drawn when you let go"
