"""Attackers who know the defense: what they are told, and what that is worth to them."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import torch
from scipy.stats import norm
from seen import SITE, seen_by

from invviz.attacks import DLG
from invviz.attacks._misfit import SOFT, rounding
from invviz.attacks._priors import smoothness
from invviz.core.rng import stream
from invviz.core.tree import flatten
from invviz.core.types import Batch, Knowledge, Net, Observation
from invviz.defenses._perturbation import trained
from invviz.engine.attack import run
from invviz.risk import Prior
from invviz.scenario import Scenario


def test_the_unaware_believe_in_the_bare_protocol():
    _, client, obs = seen_by("data=digits&model=mlp&defense=clipping(clip_norm=0.01)&defense=pruning")
    assert obs.release is client.bare and obs.seen is None and obs.noise == 0 and not obs.knowledge.defense
    _, client, obs = seen_by("data=digits&model=mlp&attacker=aware")
    assert obs.release is client.bare and not obs.knowledge.defense, "there is no defense to know of"


def test_the_aware_know_the_parameters_and_not_the_draw():
    _, client, obs = seen_by("data=digits&model=mlp&defense=clipping(clip_norm=0.01)&defense=gaussian_noise(sigma=0.2)&attacker=aware")
    assert obs.knowledge.defense and "the defense and its parameters" in obs.knowledge.words()
    assert obs.seen is None
    told = flatten(obs.simulate(client.batch))
    assert obs.noise == pytest.approx(0.2 * float(told.square().mean().sqrt()), rel=0.01), "a share of the message without the noise"
    assert float(told.norm()) == pytest.approx(0.01, rel=1e-4), "it simulates the clipping"
    draw = flatten(obs.message) - told
    assert float(draw.std()) == pytest.approx(0.2 * 0.01 / told.numel() ** 0.5, rel=0.05)


@pytest.mark.parametrize("defense", ["pruning(fraction=0.8)", "selective_encryption(fraction=0.3)", "random_pruning(fraction=0.5)"])
def test_held_back_entries_are_skipped(defense):
    _, client, obs = seen_by(f"data=digits&model=mlp&defense={defense}&attacker=aware")
    message, seen = flatten(obs.message), flatten(obs.seen)
    assert ((message != 0) == (seen == 1)).all()
    bare = flatten(client.bare(client.net, client.batch, None))
    torch.testing.assert_close(flatten(obs.simulate(client.batch)), bare * seen)
    other = Batch.of(torch.rand_like(client.batch.image), client.batch.label)  # its own largest entries lie elsewhere
    torch.testing.assert_close(flatten(obs.simulate(other)), flatten(client.bare(client.net, other, None)) * seen)


@pytest.mark.parametrize(
    ("defense", "gain"),
    [
        ("clipping(clip_norm=0.05)", 15),
        ("selective_encryption(fraction=0.1)", 15),
        ("gaussian_noise(sigma=1.0)", 3),
        ("quantisation(bits=4)", 5),
        ("sign", 10),
        ("soteria(fraction=0.4)", 15),
        ("dropout", 15),
        ("optimal_pruning(fraction=0.5)", 15),
        ("gradient_dropping(fraction=0.7,rounds=3)", 5),
    ],
)
def test_knowing_the_defense_helps(defense, gain):
    text = f"data=digits&model=lenet&attack=dlg(steps=100,restarts=1)&defense={defense}"
    unaware, aware = (float(run(Scenario.parse(f"{text}&attacker={who}"), SITE).scores["psnr"][0]) for who in ("unaware", "aware"))
    assert aware > unaware + gain


def test_the_linear_layer_is_read_from_what_was_sent():
    scenario, client, obs = seen_by(
        "data=digits&model=mlp&attack=linear_layer&dtype=float64&attacker=aware&defense=random_pruning(fraction=0.6)"
    )
    found = scenario.attack.reconstruct(obs, stream(0, "attack"), lambda step: True)
    assert float((found.batch.image - client.batch.image).abs().max()) < 1e-9


@pytest.mark.parametrize("shape", [(3, 6, 8), (1, 5, 5)])
def test_smoothness_is_the_natural_prior(shape):
    x = torch.rand(2, *shape, dtype=torch.float64)
    cov = Prior("natural", shape, 2).dense()
    centred = x.flatten().numpy() - 0.5
    assert float(smoothness(x, 0.5)) == pytest.approx(centred @ np.linalg.solve(cov, centred), rel=1e-9)


def test_with_known_noise_a_linear_release_gives_the_posterior_mean():
    torch.manual_seed(0)
    mixer, sigma, shape = torch.randn(40, 36, dtype=torch.float64), 0.7, (1, 6, 6)
    release = lambda net, batch, rng: {"z": mixer.to(batch.image) @ batch.image.flatten()}  # noqa: E731
    truth = torch.from_numpy(0.5 + 0.15 * np.random.default_rng(0).standard_normal((1, *shape)))
    message = {"z": mixer @ truth.flatten() + sigma * torch.randn(40, dtype=torch.float64)}
    template = Batch.of(torch.zeros(1, *shape, dtype=torch.float64), torch.zeros(1, dtype=torch.long))
    obs = Observation(
        message, Net.of(torch.nn.Flatten()), release, template, Knowledge(labels=True, defense=True), 2, bounds=(-9.0, 10.0), noise=sigma
    )
    found = DLG(steps=3000, restarts=1).reconstruct(obs, stream(0, "attack"), lambda step: True).batch.image.flatten().numpy()
    precision = np.linalg.inv(Prior("natural", shape).dense())
    dense = mixer.numpy()
    centred = message["z"].numpy() - 0.5 * dense.sum(1)
    expected = 0.5 + np.linalg.solve(precision + dense.T @ dense / sigma**2, dense.T @ centred / sigma**2)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    fitted = DLG(steps=3000, restarts=1).reconstruct(dataclasses.replace(obs, noise=0.0), stream(0, "attack"), lambda step: True)
    assert np.abs(fitted.batch.image.flatten().numpy() - expected).max() > 0.05, "without that knowledge it fits the noise"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_chance_of_an_interval(dtype):
    """Against SciPy's normal law: ends on both sides, one end, the same end twice, far inside and far outside."""
    low = torch.tensor([-0.5, 0.5, -torch.inf, 0.0, -1.5], dtype=dtype)
    high = torch.tensor([0.5, 1.5, 0.0, torch.inf, -0.5], dtype=dtype)
    at = torch.tensor([0.49, 0.3, -0.02, -0.1, -0.9], dtype=dtype).requires_grad_()
    loss = rounding({"a": torch.zeros_like(at)}, {"a": low}, {"a": high})({"a": at})
    soft = SOFT * 1.0
    a, b = ((end.double().numpy() - at.detach().double().numpy()) / soft for end in (low, high))
    a, b = np.where(a > 0, -b, a), np.where(a > 0, -a, b)  # the same chance, where it can be told from 1
    expected = -2 / 5 * np.sum(np.log(norm.cdf(b) - norm.cdf(a)))
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4 if dtype == torch.float32 else 1e-9)
    (slope,) = torch.autograd.grad(loss, at)
    assert bool(torch.isfinite(slope).all()) and float(slope[1]) < 0 < float(slope[0]) and float(slope[3]) < 0 < float(slope[2])
    far = torch.full_like(at, 1e5).requires_grad_()
    (slope,) = torch.autograd.grad(rounding({"a": torch.ones_like(at)}, {"a": low}, {"a": high})({"a": far}), far)
    assert bool(torch.isfinite(slope).all()) and bool((slope[[0, 1, 2, 4]] > 0).all())


def test_a_rounded_message_is_matched_before_its_rounding():
    _, client, obs = seen_by("data=digits&model=lenet&defense=clipping(clip_norm=0.1)&defense=sign&attacker=aware")
    low, high = (flatten(end) for end in obs.interval)
    told = flatten(obs.simulate(client.batch))
    assert float(told.norm()) == pytest.approx(0.1, rel=1e-4), "clipped, and not yet reduced to signs"
    assert bool(((low <= told) & (told <= high)).all()) and obs.noise == 0
    _, _, obs = seen_by("data=digits&model=lenet&defense=gaussian_noise&defense=quantisation&attacker=aware")
    assert obs.interval is None and obs.noise > 0, "noise of its own leaves no certain interval"


def test_ruined_parts_are_left_out():
    _, _, obs = seen_by("data=digits&model=lenet&defense=precode&defense=pruning(fraction=0.5)&attacker=aware")
    assert set(obs.message) == set(obs.seen) == set(obs.simulate(Batch.of(obs.template.image, obs.template.label)))
    _, client, bare = seen_by("data=digits&model=lenet&defense=precode")
    assert set(obs.message) < set(bare.message) and set(bare.message) == set(bare.simulate(client.batch)), "the larger net is known to all"


def test_a_label_is_read_from_all_that_came():
    for text in ("data=digits(index=3)&model=lenet(width=4)", "data=digits(index=3)&model=mlp"):
        found = run(Scenario.parse(f"{text}&defense=precode&attack=idlg(steps=20,restarts=1)&attacker=aware"), SITE)
        assert found.guessed_labels.tolist() == found.labels.tolist()


def test_coloured_noise_is_whitened_on_the_part_that_is_matched():
    _, _, obs = seen_by("data=digits&model=lenet(width=4)&defense=precode&defense=invl_gnp&attacker=aware")
    white = obs.whiten(obs.message)
    assert set(white) == set(obs.message) < set(obs.sent)
    _, _, off = seen_by("data=digits&model=lenet(width=4)&defense=optimal_noise(sigma=0.0)&attacker=aware")
    assert off.whiten is None and off.noise == 0


def test_a_draw_is_not_read_off_what_a_later_defense_has_changed():
    text = "data=digits(index=3)&model=lenet(width=4)&defense=dropout(probability=0.5)"
    _, client, obs = seen_by(f"{text}&defense=clipping(clip_norm=0.01)&attacker=aware")
    whole = obs.simulate(client.batch)
    hidden = {k: int((leaf == 0).sum()) for k, leaf in whole.items()}
    _, client, obs = seen_by(f"{text}&defense=soteria(fraction=0.5)&attacker=aware")
    kept = obs.simulate(client.batch)
    last = [k for k in kept if k.endswith("weight")][-1]
    assert hidden[last] > 0, "dropped columns, read through a clipping"
    first = next(iter(kept))
    torch.testing.assert_close(kept[first], client.bare(client.net, client.batch, None)[first])  # no feature is believed to be dropped


@pytest.mark.parametrize("defense", ["quantisation(bits=12)", "sign", "gaussian_noise(sigma=0.1)"])
def test_a_message_that_is_reproduced_as_far_as_can_be_is_no_failure(defense):
    found = run(Scenario.parse(f"data=digits&model=lenet&attack=dlg(steps=300,restarts=1)&defense={defense}&attacker=aware"), SITE)
    assert not found.failed, found.note


@pytest.fixture
def hardly_trained(monkeypatch):
    """How well learnable perturbation knows its public pictures is of no interest; the net is not kept for tests to which it matters."""
    monkeypatch.setattr("invviz.defenses._perturbation.AUTOENCODER_STEPS", 2)
    monkeypatch.setattr("invviz.defenses._perturbation.MINIMAX_STEPS", 2)
    monkeypatch.setattr("invviz.defenses.learnable_perturbation.trained", functools.cache(trained.__wrapped__))


@pytest.mark.usefixtures("hardly_trained")
def test_public_pictures_are_told_of():
    scenario, _, obs = seen_by("data=digits&model=lenet&defense=learnable_perturbation&attacker=aware")
    assert obs.knowledge.public_data and obs.knowledge.threat_model() == "D"
    _, _, obs = seen_by("data=digits&model=lenet&defense=learnable_perturbation")
    assert not obs.knowledge.public_data and scenario.attacker == "aware"


@pytest.mark.usefixtures("hardly_trained")
def test_public_pictures_come_only_where_asked_for():
    _, client, _ = seen_by("data=digits&model=lenet&defense=learnable_perturbation")
    assert len(client.world.public) == len(client.world.labels) > 500
    _, client, _ = seen_by("data=digits&model=lenet&defense=clipping")
    assert len(client.world.public) == 0 and client.world.labels is None


def test_it_is_part_of_the_results_name():
    text = "data=digits&model=mlp&attack=dlg&defense=gaussian_noise"
    unaware, aware = Scenario.parse(text), Scenario.parse(text + "&attacker=aware")
    assert unaware.key("run") != aware.key("run") and unaware.key("risk") == aware.key("risk")
    bare = Scenario.parse("data=digits&model=mlp&attack=dlg")
    assert bare.key("run") == bare.replace(attacker="aware").key("run"), "without a defense there is nothing to know"
    assert aware.text().endswith("attacker=aware") and Scenario.parse(aware.text()) == aware
