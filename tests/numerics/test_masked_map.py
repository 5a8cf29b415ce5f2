"""The most likely picture behind a mask: against its closed form on a linear map, what it gains, and where nothing moves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from seen import SITE, psnr, seen_by

from invviz.attacks import DLG, _lbfgs, _masked_map
from invviz.attacks._lbfgs import LBFGSMatching
from invviz.attacks._masked_map import behind_mask
from invviz.attacks._priors import Whitened, smoothness
from invviz.core.rng import stream
from invviz.core.types import Batch, Knowledge, Net, Observation
from invviz.engine.attack import run
from invviz.risk import Prior
from invviz.scenario import Scenario, _former, _scenario, former_key

go_on = lambda step: True  # noqa: E731


@pytest.mark.parametrize("shape", [(3, 6, 8), (1, 5, 5)])
def test_in_its_coordinates_the_prior_is_even(shape):
    like = torch.zeros(2, *shape, dtype=torch.float64)
    z = torch.randn(2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert float(smoothness(Whitened.of(like, (0.0, 1.0)).picture(z), 0.5)) == pytest.approx(float(z.square().sum()), rel=1e-9)


def masked(count, bounds=(-9.0, 10.0)):
    """A linear release of a 6x6 picture, of which `count` of 40 numbers came."""
    rng = np.random.default_rng(0)
    mixer, seen = torch.from_numpy(rng.standard_normal((40, 36))), torch.zeros(40, dtype=torch.float64)
    seen[torch.from_numpy(rng.permutation(40)[:count])] = 1
    truth = torch.from_numpy(0.5 + 0.15 * rng.standard_normal((1, 1, 6, 6)))
    release = lambda net, batch, rng: {"z": seen.to(batch.image) * (mixer.to(batch.image) @ batch.image.flatten())}  # noqa: E731
    template = Batch.of(torch.zeros(1, 1, 6, 6, dtype=torch.float64), torch.zeros(1, dtype=torch.long))
    told = Knowledge(labels=True, defense=True)
    message = {"z": seen * (mixer @ truth.flatten())}
    obs = Observation(message, Net.of(torch.nn.Flatten()), release, template, told, 2, bounds=bounds, seen={"z": seen})
    return obs, truth.flatten().numpy(), (mixer * seen[:, None]).numpy()[seen.numpy() > 0]


def test_on_a_linear_map_it_is_the_most_likely_picture_that_gives_what_came():
    obs, truth, kept = masked(12)
    found = DLG().reconstruct(obs, stream(0, "attack"), go_on)
    cov = Prior("natural", (1, 6, 6)).dense()
    expected = 0.5 + cov @ kept.T @ np.linalg.solve(kept @ cov @ kept.T, kept @ (truth - 0.5))
    np.testing.assert_allclose(found.batch.image.flatten().numpy(), expected, atol=1e-4)
    assert "12 numbers came for 36 pixels" in found.note and "(class_prior)" in found.note
    other = DLG().reconstruct(dataclasses.replace(obs, seen=None), stream(0, "attack"), go_on)
    assert np.abs(other.batch.image.flatten().numpy() - expected).max() > 0.05, "without that knowledge it is some picture that fits"


def test_where_enough_came_the_prior_takes_nothing():
    obs, truth, _ = masked(38)
    found = DLG().reconstruct(obs, stream(0, "attack"), go_on)
    np.testing.assert_allclose(found.batch.image.flatten().numpy(), truth, atol=1e-4)
    assert "numbers came" not in found.note


@pytest.mark.parametrize(
    ("attack", "data", "defense", "gain"),
    [
        ("dlg", "photos(size=16)", "random_pruning(fraction=0.9)", 5),
        ("idlg", "digits", "pruning(fraction=0.9)", 1),
        ("gauss_newton", "digits(index=7)", "pruning(fraction=0.9)", 2),
    ],
)
def test_the_prior_helps_behind_masks(attack, data, defense, gain, monkeypatch):
    text = f"data={data}&model=lenet(width=6)&defense={defense}&attack={attack}(restarts=1)&attacker=aware"
    after = psnr(run(Scenario.parse(text), SITE))
    monkeypatch.setattr(LBFGSMatching, "_masked_map", lambda *_: None)
    monkeypatch.setattr("invviz.attacks.gauss_newton.behind_mask", lambda obs: False)
    assert after > psnr(run(Scenario.parse(text), SITE)) + gain


def test_samples_of_one_label_are_told_apart():
    """From plain grey their slopes are the same for ever."""
    text = "data=digits&model=lenet&batch=2&defense=random_pruning(fraction=0.3)&attack=dlg(steps=50,restarts=1)&attacker=aware"
    scenario, _, obs = seen_by(text)
    obs = dataclasses.replace(obs, template=Batch.of(obs.template.image, torch.zeros_like(obs.template.label)))
    image = scenario.attack.reconstruct(obs, stream(0, "attack"), go_on).batch.image
    assert float((image[0] - image[1]).abs().max()) > 0.05


def test_its_answer_is_decided_by_what_the_attacker_sees():
    """The same observation beside another truth: nothing else could choose among the starts."""
    text = "data=digits(index={})&model=lenet&defense=random_pruning(fraction=0.9)&attack=dlg(steps=30)&attacker=aware"
    scenario, _, obs = seen_by(text.format(0))
    _, _, other = seen_by(text.format(1))
    twin = dataclasses.replace(other, message=obs.message, sent=obs.sent, seen=obs.seen, release=obs.release, template=obs.template)
    one, two = (scenario.attack.reconstruct(o, stream(0, "attack"), go_on) for o in (obs, twin))
    assert torch.equal(one.batch.image, two.batch.image) and one.loss == two.loss


def test_a_message_without_derivatives_is_searched_as_before(monkeypatch):
    obs, *_ = masked(12)
    plain = dataclasses.replace(DLG(restarts=1), steps=50)
    with monkeypatch.context() as patch:
        patch.setattr(LBFGSMatching, "_masked_map", lambda *_: None)
        expected = plain.reconstruct(obs, stream(0, "attack"), go_on).batch.image

    def refuses(*_):
        raise RuntimeError

    monkeypatch.setattr(_masked_map.Slope, "of", refuses)
    assert torch.equal(plain.reconstruct(obs, stream(0, "attack"), go_on).batch.image, expected)


@pytest.mark.parametrize(
    ("side", "steps", "products"), [(32, 1000, 1024), (50, 1000, 2500), (60, 1000, 3000), (6, 1000, 1000), (60, 300, 300)]
)
def test_a_thorough_search_takes_a_product_for_every_pixel_and_a_quick_one_keeps_to_its_steps(side, steps, products, monkeypatch):
    """Photographs of 3,072 numbers gained 0.1 to 3.1 dB by it (benchmarks/masks.py); what is asked to be quick stays so."""
    asked = []
    monkeypatch.setattr(_masked_map.Likely, "of", lambda obs, label, watch, most: asked.append(most))
    obs = masked(12)[0]
    obs = dataclasses.replace(obs, template=Batch.of(torch.zeros(1, 1, side, side), obs.template.label))
    DLG(steps=steps)._masked_map(obs, obs.template.label, None)
    assert asked == [products]


KEYS = [
    ("attack=dlg&attacker=aware&defense=pruning", True),
    ("attack=gauss_newton&attacker=aware&defense=clipping&defense=selective_encryption", True),
    ("attack=dlg&attacker=unaware&defense=pruning", False),
    ("attack=dlg&attacker=aware&defense=pruning(fraction=0.0)", True),
    ("attack=dlg&attacker=aware&defense=pruning&defense=gaussian_noise", False),
    ("attack=dlg&attacker=aware&defense=quantisation", False),
    ("attack=inverting_gradients&attacker=aware&defense=pruning", False),
]


@pytest.mark.parametrize(("text", "moves"), KEYS)
def test_only_results_behind_masks_have_moved(text, moves, monkeypatch):
    """In stores of then: what was kept from before they moved is not taken for today's."""
    scenario, _, obs = seen_by(f"data=digits&model=lenet&{text}")
    assert _former.behind_mask(scenario) == moves
    assert (behind_mask(obs) and scenario.attack.behind_masks > 0) == moves
    kinds = ("run", "risk", "train")
    before = [former_key(kind, scenario) for kind in kinds]
    monkeypatch.setattr(_former, "behind_mask", lambda scenario: False)
    assert [former_key(kind, scenario) != key for kind, key in zip(kinds, before, strict=True)] == [moves, False, False]


@pytest.mark.parametrize(("text", "behind"), KEYS)
def test_a_key_names_the_version_of_a_search_behind_masks_and_nothing_else_does(text, behind, monkeypatch):
    scenario = Scenario.parse(f"data=digits&model=lenet&seed=11&{text}")
    kinds = ("run", "risk", "train")
    before = [scenario.key(kind) for kind in kinds]
    monkeypatch.setattr(type(scenario.attack), "behind_masks", 7 * bool(scenario.attack.behind_masks))
    _scenario._key.cache_clear()
    assert [scenario.key(kind) != key for kind, key in zip(kinds, before, strict=True)] == [behind, False, False]
    _scenario._key.cache_clear()


@pytest.mark.parametrize(("act", "steps", "newton"), [("sigmoid", 64, True), ("relu", 64, False), ("sigmoid", 63, False)])
def test_the_last_word_is_gauss_newtons_without_kinks_and_with_a_step_for_every_pixel(act, steps, newton, monkeypatch):
    """At kinks it stops: digits behind pruning of half, LeNet with ReLU, seed 3: 44 dB, and 79 by L-BFGS."""
    asked = []
    monkeypatch.setattr(_lbfgs.Newton, "descend", lambda self, coarse: asked.append(coarse))
    text = f"data=digits&model=lenet(act='{act}')&defense=pruning(fraction=0.5)&attack=dlg(steps={steps},restarts=1)&attacker=aware"
    run(Scenario.parse(text), SITE)
    assert asked == [False] * newton


@pytest.mark.parametrize(("fraction", "steps", "least"), [(0.5, 40, 0), (0.9, 40, 0), (0.5, 64, 120), (0.9, 64, 120)])
def test_where_as_many_numbers_came_as_there_are_pixels_the_message_has_the_last_word(fraction, steps, least, monkeypatch):
    text = f"data=digits&model=convnet(width=4,act='tanh')&attack=dlg(steps={steps},restarts=1)&defense=pruning(fraction={fraction})&attacker=aware"
    now = run(Scenario.parse(text), SITE).scores["psnr"][0]
    assert now > least, "to the message's rounding, with a step for every pixel"
    monkeypatch.setattr(_masked_map.Likely, "determined", False)
    assert now > run(Scenario.parse(text), SITE).scores["psnr"][0] + 10, "the prior alone stops short at so few products"
    monkeypatch.setattr(LBFGSMatching, "_masked_map", lambda *_: None)
    assert now > run(Scenario.parse(text), SITE).scores["psnr"][0] - 4, "no weaker than without it"
