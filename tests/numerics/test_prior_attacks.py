"""Attacks with priors on pictures: ridge in closed form, a generator that learns, a search in its range, and a warning where the prior speaks for the client."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.attacks import ATTACKS, DeepImagePrior, GenerativePrior, PCAPrior
from invviz.attacks._generator import Components, Painter
from invviz.attacks._latent import aim, closest
from invviz.attacks._nearest_public import nearest
from invviz.core.errors import InvvizError
from invviz.core.rng import stream
from invviz.core.tree import randn_like
from invviz.core.types import Batch, Knowledge, Net, Observation
from invviz.datasets import DATASETS
from invviz.engine.attack import run
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.scenario import Scenario, problems

SITE = Site(None, Path("/nonexistent"), "cpu")
NAMES = ("deep_image_prior", "pca_prior", "generative_prior")
GO = lambda step: True  # noqa: E731


def digits(count=1297):
    samples = DATASETS["digits"]().load(None)
    return torch.as_tensor(samples.public.take(range(count))[0])


def linear(matrix, public, truth, noise=0.0, bounds=(-50.0, 50.0)):
    """What is seen of pictures through a matrix, in float64, with normal noise of a known deviation."""
    send = lambda net, batch, rng: {"y": batch.image.flatten(1) @ matrix.T}  # noqa: E731
    message = send(None, Batch.of(truth, None), None)
    message = {"y": message["y"] + noise * randn_like(message["y"], stream(5, "noise"))}
    template = Batch.of(torch.zeros_like(truth), torch.zeros(len(truth), dtype=torch.int64))
    net = Net.of(torch.nn.Linear(2, 2))
    return Observation(message, net, send, template, Knowledge(public_data=True), 10, public=public, noise=noise, bounds=bounds)


def ridge(obs, matrix, kept, rest):
    """The most likely pictures under mean and covariance of the public ones, by numpy; `rest`: what is left over lies evenly in all directions."""
    public = obs.public.numpy().reshape(len(obs.public), -1)
    values, vectors = np.linalg.eigh(np.cov(public.T))
    first = vectors[:, -kept:]
    covariance = first @ np.diag(values[-kept:]) @ first.T
    if rest:
        covariance = covariance + np.eye(len(values)) * values[:-kept].sum() / len(values)
    a, mean = matrix.numpy(), public.mean(0)
    gain = covariance @ a.T @ np.linalg.inv(a @ covariance @ a.T + obs.noise**2 * np.eye(len(a)))
    return mean + (obs.message["y"].numpy() - mean @ a.T) @ gain.T


@pytest.mark.parametrize("rest", [False, True])
def test_with_known_noise_the_components_give_ridge_regression(rest):
    rng, kept = torch.Generator().manual_seed(0), 5
    public = torch.randn(60, 1, 3, 4, generator=rng, dtype=torch.float64) * torch.linspace(0.3, 2, 12, dtype=torch.float64).view(1, 3, 4)
    matrix = torch.randn(9, 12, generator=rng, dtype=torch.float64)
    obs = linear(matrix, public, public[:2] + 0.5, noise=0.7)
    attack = PCAPrior(components=kept, freed=0.5 if rest else 0.0, tv=0.0, steps=120)
    found = attack.reconstruct(obs, stream(1, "attack"), GO)
    expected = ridge(obs, matrix, kept, rest)
    assert np.allclose(found.batch.image.flatten(1).numpy(), expected, atol=1e-5)
    other = ridge(dataclasses.replace(obs, noise=0.35), matrix, kept, rest)
    assert np.abs(other - expected).max() > 0.01, "the noise counts"


@pytest.mark.parametrize("count", [200, 40])
def test_components_are_those_of_numpy(count):
    public = digits(count).double()
    basis, flat = Components.of(public, 7), public.flatten(1).numpy()
    values, vectors = np.linalg.eigh(np.cov(flat.T))
    assert np.allclose(basis.rows.square().sum(1), values[::-1][:7])
    assert np.allclose(basis.rest**2, values[:-7].sum() / 64)
    part = (flat - flat.mean(0)) @ vectors[:, -7:] @ vectors[:, -7:].T + flat.mean(0)
    assert np.allclose(basis.picture(basis.code(public), public.new_zeros(0)).flatten(1), part)


@pytest.fixture(scope="module")
def painted():
    """A generator that was trained on some of the public digits, and the rest of them."""
    torch.set_num_threads(1)
    public, rng = digits(), stream(2, "attack")
    painter = Painter.of(public[:1000], 16, 16, rng)
    before = painter(painter.components.code(public[1000:])).detach()
    painter.train(public[:1000], 8, 4e-3, rng, lambda number, steps, error: True)
    return painter, before, public


def test_the_generator_learns(painted):
    painter, before, public = painted
    held = public[1000:]
    error = lambda made: float(((made - held) ** 2).mean())  # noqa: E731
    mean = error(public[:1000].mean(0, keepdim=True))
    assert error(painter(painter.components.code(held)).detach()) < 0.6 * mean
    assert error(before) > mean, "untrained it knows nothing"


def test_its_latent_variables_are_standard(painted):
    painter, _, public = painted
    codes = painter.components.code(public[:1000]).double().numpy()
    assert np.abs(codes.mean(0)).max() < 1e-4
    assert np.abs(np.cov(codes.T) - np.eye(16)).max() < 1e-3


def test_a_picture_in_the_range_of_the_generator_is_found():
    public, eye = digits(320), torch.eye(64)
    attack = GenerativePrior(epochs=3, latent=4, width=8, tuned=0.0, steps=250, prior=0.0)
    rng = stream(3, "attack")  # the attack draws the same numbers, so it trains the same generator
    painter = Painter.of(public, 4, 8, rng)
    painter.train(public, 3, attack.train_lr, rng, lambda number, steps, error: True)
    inside = painter(torch.tensor([[1.0, -0.5, 0.3, 0.8]])).detach()
    found = attack.reconstruct(linear(eye, public, inside, bounds=(0.0, 1.0)), stream(3, "attack"), GO)
    assert found.loss < 1e-4 and not found.failed
    assert float((found.batch.image - inside).abs().max()) < 0.03
    outside = (torch.arange(64).view(1, 1, 8, 8) % 2).float()
    missed = attack.reconstruct(linear(eye, public, outside, bounds=(0.0, 1.0)), stream(3, "attack"), GO)
    assert missed.loss > 0.1 and missed.failed and "Warning" in missed.note
    tuned = dataclasses.replace(attack, tuned=0.8).reconstruct(linear(eye, public, outside, bounds=(0.0, 1.0)), stream(3, "attack"), GO)
    assert tuned.loss < 0.5 * missed.loss, "its weights reach further than its latent variables"


def seen(rest):
    scenario = Scenario.parse(f"data=digits(index=210)&model=convnet(width=8)&{rest}")
    return scenario.attack, observe(scenario, meet_client(scenario, SITE))


@pytest.mark.parametrize("text", ["pca_prior(steps=40)", "generative_prior(steps=40,epochs=2,width=8)"])
def test_a_message_of_noise_gets_a_picture_and_a_warning(text):
    attack, obs = seen(f"attack={text}")
    noise = {k: randn_like(v, stream(9, "noise")) for k, v in obs.message.items()}
    found = attack.reconstruct(dataclasses.replace(obs, message=noise), stream(1, "attack"), GO)
    assert found.failed
    assert "Warning" in found.note and ("hardly more" in found.note or "not reproduced" in found.note)
    assert "nearest public picture at" in found.note
    good = attack.replace(steps=200).reconstruct(obs, stream(1, "attack"), GO)
    assert good.loss < 0.3 * found.loss
    assert "hardly more" not in good.note


def test_distances_to_neighbours_are_those_of_numpy():
    public = digits(40).double()
    flat, one = public.flatten(1).numpy(), (0.7 * public[3] + 0.3 * public[5])[None]
    apart = np.linalg.norm(flat[:, None] - flat[None], axis=2) + np.diag([np.inf] * 40)
    own = np.linalg.norm(flat - one.flatten().numpy(), axis=1).min()
    ratio, share = nearest(one, public)
    assert np.isclose(ratio, own / np.sort(apart.min(1))[19]) or np.isclose(ratio, own / np.median(apart.min(1)), rtol=0.1)
    assert share == (apart.min(1) < own).mean()
    assert nearest(public[:1], public)[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("mapped", [True, False])
def test_the_best_public_start_is_the_one_that_sent_the_message(mapped):
    public = digits(30)
    _, obs = seen("attack=pca_prior&batch=2")
    sent = obs.simulate(Batch.of(public[[4, 17]], obs.template.label))
    bare = obs.release
    looks = lambda net, batch, rng: {k: v * float(v.abs().max() > -1) for k, v in bare(net, batch, rng).items()}  # noqa: E731
    obs = dataclasses.replace(obs, message=sent, release=bare if mapped else looks)
    target = aim(obs, "squared", 0.0)
    found = closest(obs, target, public[[9, 9]], public, stream(1, "attack"))
    loss = lambda a, b: float(target.loss(obs.simulate(Batch.of(public[[a, b]], obs.template.label))))  # noqa: E731
    first = int(np.argmin([loss(one, 9) for one in range(30)]))
    second = int(np.argmin([loss(first, one) for one in range(30)]))
    assert torch.equal(found, public[[first, second]]) and second != 9
    assert torch.equal(closest(obs, target, public[[4, 9]], public[[17, 4, 4]], stream(1, "attack"))[1], public[17])


def test_what_is_minimised_follows_what_is_known():
    _, obs = seen("attack=pca_prior")
    double = {k: 2 * v for k, v in obs.message.items()}
    assert float(aim(obs, "cosine", 0.1).loss(double)) == pytest.approx(0, abs=1e-6)
    assert float(aim(obs, "squared", 0.1).loss(double)) == pytest.approx(1)
    assert aim(obs, "cosine", 0.1).weight == 0.1
    assert float(
        aim(dataclasses.replace(obs, message={"embedding": obs.message["1.bias"]}), "cosine", 0.1).loss(
            {"embedding": 2 * obs.message["1.bias"]}
        )
    ) == pytest.approx(1)
    size = sum(float((v.double() ** 2).sum()) for v in obs.message.values())
    known = aim(dataclasses.replace(obs, noise=0.3), "cosine", 0.1)
    assert known.weight == pytest.approx(0.09 / size)
    assert known.level == pytest.approx(0.09 * sum(v.numel() for v in obs.message.values()) / size)


def test_an_untrained_net_stops_where_known_noise_leaves_the_truth():
    text = "attack=deep_image_prior(steps=400,width=16)&defense=gaussian_noise(sigma=2.0)"
    attack, obs = seen(f"{text}&attacker=aware")
    found = attack.reconstruct(obs, stream(1, "attack"), GO)
    assert found.loss <= 1.02 * aim(obs, "cosine", 0.0).level and len(found.trace) < 400 and not found.failed
    blind, obs = seen(text.replace("400", "50"))
    assert len(blind.reconstruct(obs, stream(1, "attack"), GO).trace) == 50


def test_tables_and_missing_public_pictures_are_met_with_words():
    table = "data=breast_cancer&model=mlp(width=16)&attack="
    for text, words in (("deep_image_prior", "reads pictures"), ("pca_prior", "Set tv=0")):
        assert any(words in line for line in problems(Scenario.parse(table + text)))
    for text in ("pca_prior(tv=0,steps=5)", "generative_prior(steps=5,epochs=1)"):
        assert np.isfinite(run(Scenario.parse(table + text), SITE).guess).all()
    for name in NAMES[1:]:
        attack, obs = seen(f"attack={name}")
        with pytest.raises(InvvizError, match="public pictures"):
            attack.reconstruct(dataclasses.replace(obs, public=None), stream(1, "attack"), GO)
    assert not DeepImagePrior().wants().public_data and ATTACKS["pca_prior"]().wants().threat_model() == "D"
