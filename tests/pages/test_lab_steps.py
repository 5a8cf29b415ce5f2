"""The Lab's attack step by step: its curves, the slider over its pictures, and what is said where the picture gets worse."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from visits import alts, press, said

from invviz.core.even import stride
from invviz.core.rng import stream
from invviz.core.tree import dot, map_tree
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.scenario import Scenario
from invviz.studies import gallery
from invviz.ui.steps import ORACLE, lesson, noise_share
from invviz.ui.views import RiskView, RunView

SEARCH = "data=digits&model=lenet&defense=gaussian_noise(sigma=0.3)&attack=dlg(steps=120,restarts=1)"


@pytest.fixture
def lab(visit):
    """Opens the Lab at an address."""
    return functools.partial(visit, "lab")


def way(psnr, losses, final, scenario=None):
    steps = np.arange(1, len(psnr) + 1)
    scenario = scenario or Scenario.parse("data=digits&model=mlp&defense=gaussian_noise")
    return RunView(scenario, {"matching_loss": final}, np.zeros(1), steps, np.zeros(0), np.array(psnr), steps, np.array(losses))


def test_the_lesson_of_an_attack_that_fits_the_noise():
    """Said where the picture lost 1 dB while the loss fell, and of noise only below the true picture's own loss; else silent."""
    worse = way([12.0, 24.9, 22.0, 21.1], [1.0, 0.1, 0.05, 0.04], 0.04)
    assert "best at step 2**, 24.9 dB" in lesson(worse, None) and "21.1 dB at the end" in lesson(worse, None)
    assert "noise" not in lesson(worse, None) and "noise" not in lesson(worse, 0.03)
    assert "It fits the noise: its loss, 0.04, is below what the true picture would have, about 0.06" in lesson(worse, 0.06)
    assert lesson(way([12.0, 24.9, 24.5, 24.0], [1.0, 0.1, 0.05, 0.04], 0.04), 0.06) == "", "0.9 dB are not worth a sentence"
    assert lesson(way([12.0, 24.9, 22.0, 21.1], [1.0, 0.1, 0.2, 0.3], 0.2), 0.3) == "", "the loss rose, too"
    assert lesson(way([12.0, 20.0, 24.9], [1.0, 0.1, 0.01], 0.01), 0.3) == ""
    assert "best at the start" in lesson(way([12.0, 9.0, 6.0], [1.0, 0.5, 0.4], 0.4), 0.5)


def test_what_loss_the_true_picture_would_have(store_dir):
    """Against the loss of the very picture under many draws of the noise."""
    scenario, site = Scenario.parse(SEARCH), Site(None, store_dir, "cpu")
    found, client = assess(scenario, site), meet_client(scenario, site)
    clean, losses = client.bare(client.net, client.batch, None), []
    for seed in range(40):
        sent = client.release(client.net, client.batch, stream(seed, "defense"))
        off = map_tree(torch.sub, clean, sent)
        losses.append(float(dot(off, off) / dot(sent, sent)))
    view = RiskView(found.decomposition, found.size, found.truth, lambda sigma: found.truth)
    share = noise_share(way([1.0], [1.0], 1.0, scenario=scenario), view)
    assert share == pytest.approx(np.mean(losses), rel=0.03)
    assert noise_share(way([1.0], [1.0], 1.0, scenario=scenario.replace(attacker="aware")), view) is None, "its loss is another one"
    other = Scenario.parse(SEARCH.replace("dlg(steps=120,restarts=1)", "inverting_gradients"))
    assert noise_share(way([1.0], [1.0], 1.0, scenario=other), view) is None
    assert noise_share(way([1.0], [1.0], 1.0, scenario=scenario.replace(defense=())), view) is None


def test_pictures_of_a_run_lie_evenly_and_end_at_the_answer(store_dir):
    events = []
    found = run(Scenario.parse(SEARCH), Site(None, store_dir, "cpu"), lambda event: events.append(event) is None)
    shown = [e for e in events if e.frame is not None]
    kept = sorted({e.done // stride(found.steps) for e in shown})
    assert kept == list(range(found.steps // stride(found.steps) + 1)), "one of every span of steps"
    assert np.array_equal(shown[-1].frame, found.guess) and shown[-1].psnr == pytest.approx(found.scores["psnr"][0])


def test_the_slider_shows_the_picture_of_a_step(lab, store_dir):
    at = lab(SEARCH)
    press(at, "Run the attack")
    work(Store(store_dir), Site(None, store_dir, "cpu"), once=True)
    at.run()
    slider = next(s for s in at.select_slider if s.label == "Step of the attack")
    assert len(slider.options) >= 40 and slider.value == max(int(o.replace(",", "")) for o in slider.options)
    assert ORACLE in said(at)
    before = said(at)
    slider.set_value(8).run()
    assert not at.exception and "**Step 8: " in said(at) and said(at) != before
    assert any("picture at step 8: " in alt for alt in alts(at))


def test_prepared_scenes_can_be_scrubbed(lab):
    at = lab()
    scene = gallery.load("opening")
    slider = next(s for s in at.select_slider if s.label == "Step of the attack")
    assert slider.value == scene.arrays["frame_steps"][-1] and len(slider.options) == len(scene.arrays["frame_steps"])
    assert any(alt.startswith("PSNR over the steps") for alt in alts(at))


@pytest.mark.parametrize("name", ["opening", "no_noise", "heavy_noise", "trained"])
def test_prepared_steps_lie_evenly_and_end_at_the_answer(name):
    scene = gallery.load(name)
    steps, frames = scene.arrays["frame_steps"], scene.arrays["frames"]
    assert len(steps) == gallery.FRAMES and (steps[0], steps[-1]) == (1, scene.result["steps"])
    assert np.diff(steps).max() <= 1.5 * steps[-1] / gallery.FRAMES
    assert np.abs(frames[-1] / 255 - scene.arrays["guess"]).max() < 1 / 255


def test_the_prepared_attacks_that_got_worse_say_so(lab):
    at = lab("data=photos&model=lenet&defense=gaussian_noise(sigma=1.0)&attack=dlg&prior=natural&floor=0.0001")
    assert "It fits the noise: its loss, 0.4, is below what the true picture would have, about 0.5" in said(at)
    at = lab("data=photos(index=1)&model=lenet(init='trained')&attack=dlg&prior=natural&floor=0.0001")
    assert "The picture was best at the start**, 15.1 dB" in said(at) and "A lower loss is not always a better picture." in said(at)
    assert "The picture was best" not in said(lab())
