"""APRIL by optimisation: its loss against plain autograd and numpy, what the extra term is worth, and where it has nothing to say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.attacks._priors import smoothness
from invviz.core.rng import stream
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario, problems

SITE = Site(None, Path("/nonexistent"), "cpu")
VIT = "data=digits(index=3)&model=vit(width=32,blocks=1)"
POSITIONS = "tokens.positions"


def seen(text):
    scenario = Scenario.parse(text)
    return scenario.attack, observe(scenario, meet_client(scenario, SITE))


def gradient(obs, image):
    """By the net's own parameters, float64, as numpy arrays: plain autograd."""
    module = obs.net.module.double().requires_grad_(True)
    loss = torch.nn.functional.cross_entropy(module(image.double()), obs.template.label)
    names = [name for name, _ in module.named_parameters()]
    found = torch.autograd.grad(loss, list(module.parameters()))
    module.requires_grad_(False)
    return {name: g.numpy() for name, g in zip(names, found, strict=True)}


def squared(sent, obs):
    target = {name: leaf.double().numpy() for name, leaf in obs.message.items()}
    return sum(((sent[k] - target[k]) ** 2).sum() for k in target) / sum((target[k] ** 2).sum() for k in target)


@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_the_loss_is_both_distances(weight):
    attack, obs = seen(f"{VIT}&attack=april_optimisation(steps=1,restarts=1,positions={weight})&dtype=float64")
    steps = []
    attack.reconstruct(obs, stream(1, "attack"), lambda step: steps.append(step) or True)
    sent = gradient(obs, steps[0].guess)
    a, b = sent[POSITIONS].ravel(), obs.message[POSITIONS].numpy().ravel()
    cosine = 1 - a @ b / np.sqrt((a @ a) * (b @ b))
    assert cosine > 0.01
    assert steps[0].loss == pytest.approx(squared(sent, obs) + weight * cosine, rel=1e-9)


def test_the_extra_term_finds_what_the_rest_does_not():
    """Residual connections and LayerNorm, where the closed form of the same paper fails."""
    found = {w: run(Scenario.parse(f"{VIT}&attack=april_optimisation(steps=120,restarts=1,positions={w})"), SITE) for w in (0, 10)}
    psnr = {w: float(r.scores["psnr"][0]) for w, r in found.items()}
    assert psnr[10] > 40 and psnr[0] < 20, psnr


def test_with_known_noise_the_most_likely_picture_is_the_answer():
    text = f"{VIT}&defense=gaussian_noise(sigma=0.01)&attacker=aware&dtype=float64"
    attack, obs = seen(f"{text}&attack=april_optimisation(steps=160,restarts=1)")
    steps = []
    found = attack.reconstruct(obs, stream(1, "attack"), lambda step: steps.append(step) or True)
    best = steps[-1].guess  # not yet moved inside the bounds
    size = sum(float((leaf**2).sum()) for leaf in obs.message.values())
    expected = squared(gradient(obs, best), obs) + obs.noise**2 / size * float(smoothness(best, 0.5))
    assert found.loss == pytest.approx(expected, rel=1e-6), "the last half is not led by the extra term"


def test_positions_that_say_nothing_are_left_out_and_said():
    attack, obs = seen(f"{VIT}&attack=april_optimisation(steps=6,restarts=1)")
    blank = {k: torch.zeros_like(v) if k == POSITIONS else v for k, v in obs.message.items()}
    obs = dataclasses.replace(obs, message=blank)
    found = attack.reconstruct(obs, stream(1, "attack"), lambda step: True)
    plain = attack.replace(positions=0.0).reconstruct(obs, stream(1, "attack"), lambda step: True)
    assert torch.equal(found.batch.image, plain.batch.image)
    assert "positions says nothing" in found.note and "positions" not in plain.note
    gone = {k: v for k, v in blank.items() if k != POSITIONS}
    keep = lambda net, batch, rng, release=obs.release: {k: v for k, v in release(net, batch, rng).items() if k in gone}  # noqa: E731
    found = attack.reconstruct(dataclasses.replace(obs, message=gone, release=keep), stream(1, "attack"), lambda step: True)
    assert "positions says nothing" in found.note


@pytest.mark.parametrize("rest", ["model=lenet", "model=vit&protocol=vfl(parties=1)"])
def test_it_needs_a_transformers_gradient(rest):
    said = problems(Scenario.parse(f"data=digits&{rest}&attack=april_optimisation"))
    assert any("april_optimisation reads" in why for why in said), said
    assert not problems(Scenario.parse("data=digits&model=vit&attack=april_optimisation&batch=4"))
