"""The main job as a person does it: open, move the slider, look at scenes, pick another picture, run, stop, reload the link."""

from __future__ import annotations

import pytest
from looking import MAIN, WINDOW, down, eventually, height, idle

from invviz.jobs.store import Store
from invviz.scenario import Scenario

pytestmark = pytest.mark.browser
PICTURES = ".st-key-pictures :is(img, canvas):not([class*=st-key-plain] *)"  # what stands in for the ideal one is hidden where the browser draws it
PIXELS = "e => e.src || e.toDataURL()"


def ready(page):
    page.get_by_text("of what was unknown").first.wait_for()
    page.locator(PICTURES).nth(2).wait_for()
    idle(page)


def until_changed(page, place, old):
    page.wait_for_function(
        f"([s, i, old]) => {{ const e = document.querySelectorAll(s)[i]; return e && ({PIXELS})(e) !== old; }}", arg=[PICTURES, place, old]
    )


def absolute(page, place):
    return page.locator(PICTURES).nth(place).evaluate(PIXELS)


def scenes_come_into_sight(page):
    """A click's answer is in sight, wherever on the page the click was; and an attack's steps are gone through by keyboard."""
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
    page.set_viewport_size(WINDOW["viewport"])


def test_the_main_job(page, server):
    page.goto(server)
    ready(page)
    assert page.locator(PICTURES).count() == 3
    assert all(page.locator(PICTURES).nth(i).evaluate("e => e.alt || e.ariaLabel") for i in range(3))
    page.locator(".noise.spectrum svg").wait_for()

    # the slider moves the ideal picture, and nothing of the real one
    ideal, real = absolute(page, 1), absolute(page, 2)
    page.get_by_role("slider").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    until_changed(page, 1, ideal)
    assert absolute(page, 2) == real
    page.get_by_text("made for").first.wait_for()
    page.wait_for_function("location.href.includes('sigma')")

    scenes_come_into_sight(page)

    # another picture: its spectrum is computed by a worker, of small pictures in a moment; an attack that is not over before it is stopped
    page.goto(server + "?data=digits&attack=inverting_gradients(steps%3D50000)")
    ready(page)
    truth = absolute(page, 0)
    page.get_by_test_id("stNumberInputStepUp").first.click()
    page.wait_for_function("location.href.includes('index%3D1')")
    until_changed(page, 0, truth)
    ready(page)

    # run, watch, stop
    nothing = absolute(page, 2)
    page.get_by_role("button", name="Run the attack").click()
    stop = page.locator('[data-testid="stMain"]').get_by_role("button", name="Stop", exact=True)
    stop.wait_for()
    until_changed(page, 2, nothing)
    stop.click()
    page.get_by_role("button", name="Run it again").wait_for()

    # the link gives the same pixels to somebody else
    ready(page)
    link, shown = page.url, [page.locator(PICTURES).nth(i).screenshot() for i in range(3)]
    again = page.context.new_page()
    again.goto(link)
    ready(again)
    again.wait_for_function("s => document.querySelectorAll(s).length === 3", arg=PICTURES)
    again.wait_for_timeout(500)
    assert [again.locator(PICTURES).nth(i).screenshot() for i in range(3)] == shown
    again.close()


def test_a_broken_upload_says_what_is_allowed_and_a_good_one_stays_private(page, server, tmp_path):
    from PIL import Image

    broken = tmp_path / "broken.png"
    broken.write_bytes(b"this is not a picture")
    picture = tmp_path / "own.png"
    Image.radial_gradient("L").convert("RGB").save(picture)
    page.goto(server + "?data=digits&model=mlp&attack=linear_layer")
    page.locator(PICTURES).first.wait_for()
    idle(page)
    page.get_by_role("button", name="More").click()
    page.get_by_role("tab", name="Own picture").click()
    page.locator('input[type="file"]').set_input_files(broken)
    page.get_by_text("the file is none of PNG, JPEG").wait_for()
    assert page.locator(PICTURES).count() == 3 and "upload=" not in page.url
    page.locator('input[type="file"]').set_input_files(picture)
    page.wait_for_function("location.href.includes('upload=')")
    page.get_by_text("your own picture, in memory only").wait_for()
    page.keyboard.press("Escape")
    ready(page)
    page.get_by_role("button", name="Run the attack").click()
    page.get_by_role("button", name="Finished").wait_for()


def watching(store, key):
    with store._db.read() as con:
        return con.execute("SELECT count(*) FROM watchers WHERE key = ?", (key,)).fetchone()[0]


def test_closing_the_tab_cancels_what_nobody_else_watches(context, server, folder):
    text = "data=digits&model=convnet&attack=inverting_gradients(steps=50000)&seed=3"
    store, key = Store(folder), Scenario.parse(text).key("run")
    tabs = [context.new_page(), context.new_page()]
    for page in tabs:
        page.goto(server + "?" + text.replace("steps=", "steps%3D"))
        run = page.get_by_role("button", name="Run the attack")
        stop = page.locator('[data-testid="stMain"]').get_by_role("button", name="Stop", exact=True)
        run.or_(stop).first.wait_for(timeout=120_000)
        if page is tabs[0]:
            run.click()
        stop.wait_for(timeout=120_000)
    eventually(lambda: watching(store, key) == 2)
    tabs[0].close()
    eventually(lambda: watching(store, key) == 1)
    assert store.job(key).active and not store.job(key).stopping, "the second tab, which did not start it, still watches"
    tabs[1].close()
    eventually(lambda: not store.job(key).active)
    assert store.job(key).state == "stopped"
