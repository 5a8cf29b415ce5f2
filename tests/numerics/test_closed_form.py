"""Attacks that solve: how they begin and end, and of which picture their certificates speak."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.attacks._closed_form import BEYOND, changed_before
from invviz.attacks._matching import up_to_length
from invviz.core.rng import stream
from invviz.core.types import Batch
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario

SITE = Site(None, Path("/nonexistent"), "cpu")
GO = lambda step: True  # noqa: E731
SOLVERS = [
    "model=lenet&attack=peeling",
    "model=vit(width=64,skip='off',norm='none')&attack=april",
    "model=mlp&attack=spear",
    "model=mlp&attack=linear_layer",
    "model=lenet&attack=gauss_newton",
]


def met(text):
    scenario = Scenario.parse(f"data=digits&{text}")
    client = meet_client(scenario, SITE)
    return scenario.attack, client, observe(scenario, client)


def sends(obs, client, image):
    """The same observation of another picture."""
    return dataclasses.replace(obs, message=obs.simulate(Batch.of(image, client.batch.label)))


@pytest.mark.parametrize("text", SOLVERS)
def test_a_certificate_speaks_of_the_picture_that_was_sent(text):
    """A change that keeps inside the bounds does not show, and the note says so; one that does not is told, with its count."""
    attack, client, obs = met(text)
    truth = client.batch.image
    mirrored = sends(obs, client, 1 - truth)
    for seen, picture in ((obs, truth), (mirrored, 1 - truth)):
        found = attack.reconstruct(seen, stream(1, "attack"), GO)
        assert found.note.startswith("Exact") and "what a defense changed in" in found.note and not found.failed
        assert float((found.batch.image - picture).abs().max()) < 1e-3
    noisy = truth + 0.02 * torch.sin(torch.arange(64.0)).view_as(truth)
    count = int(((noisy.numpy() < -BEYOND) | (noisy.numpy() > 1 + BEYOND)).sum())
    found = attack.reconstruct(sends(obs, client, noisy), stream(1, "attack"), GO)
    assert (
        count > 5
        and found.note.startswith("Not exact")
        and f"{count} of 64 values that the message gives lie outside of 0 to 1" in found.note
    )
    assert "Exact" not in found.note
    assert float((found.batch.image - noisy.clamp(0, 1)).abs().max()) < 1e-3


def test_values_outside_of_the_bounds_are_counted():
    image = torch.tensor([[-0.5, -0.009, 0.0, 1.0, 1.009, 1.02, 7.0]])
    assert "3 of 7 values that the message gives lie outside of 0 to 1" in changed_before(image, (0.0, 1.0))
    assert "1 of 7 values that the message gives lie outside of -1 to 2" in changed_before(image, (-1.0, 2.0))
    assert changed_before(image[:, 1:5], (0.0, 1.0)) == ""


def test_error_up_to_length_is_the_sine_squared():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=12), rng.normal(size=12)
    made, sent = ({"w": torch.tensor(v[:5]), "b": torch.tensor(v[5:])} for v in (a, b))
    error, scale = up_to_length(made | {"more": torch.ones(3)}, sent)
    assert scale == pytest.approx(a @ b / (a @ a))
    assert error == pytest.approx(1 - (a @ b) ** 2 / (a @ a) / (b @ b))
    assert up_to_length(sent, {k: -3 * v for k, v in sent.items()}) == (pytest.approx(0, abs=1e-20), pytest.approx(-3))


@pytest.mark.parametrize("text", SOLVERS[:2])
def test_who_is_asked_to_stop_has_the_label_already(text):
    attack, client, obs = met(text)
    steps = []
    found = attack.reconstruct(obs, stream(1, "attack"), lambda step: steps.append(step))
    assert len(steps) == 1 and found.stopped and not found.failed and found.note == "Stopped on request."
    assert torch.equal(found.batch.label, client.batch.label)
    assert torch.equal(found.batch.image, obs.grey)
    steps = []
    found = attack.reconstruct(obs, stream(1, "attack"), lambda step: steps.append(step) or step.number < step.total)
    assert [s.number for s in steps] == list(range(2 - ("april" in text), steps[-1].total + 1)) and found.stopped
    assert found.note.startswith("Exact") and found.trace == ((1, found.loss),) and steps[-1].loss == found.loss


@pytest.mark.parametrize(
    ("defense", "words"),
    [
        ("gaussian_noise(sigma=0.001)", "contradict each other"),
        ("quantisation(bits=8)", "contradict each other"),
        ("sign", "the rest of the message is not that of this picture"),
    ],
)
def test_the_first_layer_alone_is_no_certificate(defense, words):
    """Signs of rows that are multiples of each other are multiples of each other, too."""
    found = run(Scenario.parse(f"data=digits&model=mlp&attack=linear_layer&defense={defense}"), SITE)
    assert found.note.startswith("Not exact") and words in found.note and "Exact" not in found.note


def test_the_first_layer_says_by_what_it_was_scaled():
    found = run(Scenario.parse("data=digits&model=mlp&attack=linear_layer&defense=clipping(clip_norm=0.1)"), SITE)
    assert found.note.startswith("Exact") and "times a gradient" in found.note


@pytest.mark.parametrize("aware", [True, False])
@pytest.mark.parametrize("message", [float("nan"), float("inf"), 0.0, 1e30, 1e-30])
def test_odd_first_layers_end_in_words(message, aware):
    attack, _, obs = met("model=mlp&attack=linear_layer")
    odd = {k: torch.full_like(v, message) for k, v in obs.message.items()}
    seen = {k: torch.ones_like(v) for k, v in odd.items()} if aware else None
    found = attack.reconstruct(dataclasses.replace(obs, message=odd, seen=seen), stream(1, "attack"), GO)
    assert found.failed and found.note and not np.isnan(found.loss)
    assert torch.isfinite(found.batch.image).all() and float(found.batch.image.std()) == 0


def test_a_batch_that_is_matched_is_no_proof():
    """A net with sigmoids gives nearly the same gradient for any pictures: grey ones match it after a few steps already."""
    text = "data=digits&attack=see_through(steps=8,restarts=1,labels='known')&"
    matched = run(Scenario.parse(text + "model=lenet&batch=2"), SITE)
    assert matched.loss < 1e-3 and max(matched.scores["psnr"]) < 15 and "no proof of right pictures" in matched.note
    assert matched.failed and "have nothing to do with it" in matched.note, "other pictures match as well"
    for rest in ("model=lenet&batch=1", "model=lenet(act='relu')&batch=2"):  # one picture, matched no better than by others; not matched
        found = run(Scenario.parse(text + rest), SITE)
        assert "no proof" not in found.note and found.failed and max(found.scores["psnr"]) < 15
