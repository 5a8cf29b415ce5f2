"""The most likely picture of a class: its closed form, the laws' slopes and chances, and on each defense what it gets with the defense's rules and without them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from seen import SITE, seen_by

from invviz.attacks import DLG, ClassPrior
from invviz.attacks._classes import POOLED, law_of_class
from invviz.attacks._laws import _by_chance, _inside, laws_of
from invviz.core.rng import stream
from invviz.core.types import Batch, Knowledge, Net, Observation
from invviz.engine.attack import run
from invviz.scenario import Scenario

go_on = lambda step: True  # noqa: E731
DIGIT = "data=digits(index=74)&model=lenet&attack=class_prior&attacker=aware&seed=0&dtype=float64&defense="


def public(count=200):
    """Pictures of 3 x 3 in two classes, correlated."""
    rng = np.random.default_rng(0)
    mixer, labels = rng.standard_normal((9, 9)) / 6, rng.integers(0, 2, count)
    flat = 0.5 + 0.2 * labels[:, None] + rng.standard_normal((count, 9)) @ mixer
    return torch.from_numpy(flat.reshape(count, 1, 3, 3)), torch.from_numpy(labels)


def linear(noise, count=20):
    """A linear release of a picture of class 1, with noise."""
    rng = np.random.default_rng(1)
    mixer, truth = torch.from_numpy(rng.standard_normal((count, 9))), torch.from_numpy(0.6 + 0.2 * rng.standard_normal(9))
    release = lambda net, batch, rng: {"z": mixer.to(batch.image) @ batch.image.flatten()}  # noqa: E731
    pictures, labels = public()
    message = {"z": mixer @ truth + noise * torch.from_numpy(rng.standard_normal(count))}
    template = Batch.of(torch.zeros(1, 1, 3, 3, dtype=torch.float64), torch.ones(1, dtype=torch.long))
    told = Knowledge(labels=True, defense=True, public_data=True)
    known = {"public": pictures, "public_labels": labels, "noise": noise, "bounds": (-9.0, 10.0)}
    return Observation(message, Net.of(torch.nn.Flatten()), release, template, told, 2, **known), mixer.numpy(), truth.numpy()


def test_on_a_linear_map_with_noise_it_is_the_posterior_mean():
    obs, mixer, _ = linear(0.5)
    found = ClassPrior().reconstruct(obs, stream(0, "attack"), go_on).batch.image.flatten().numpy()
    flat, labels = obs.public.flatten(1).numpy(), obs.public_labels.numpy()
    own = flat[labels == 1]
    cov = (1 - POOLED) * np.cov(own.T, bias=True) + POOLED * np.cov(flat.T, bias=True) + 0.003**2 * np.eye(9)
    gain = cov @ mixer.T @ np.linalg.inv(mixer @ cov @ mixer.T + 0.25 * np.eye(20))
    expected = own.mean(0) + gain @ (obs.message["z"].numpy() - mixer @ own.mean(0))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_without_noise_and_with_numbers_enough_it_is_exact():
    obs, _, truth = linear(0.0)
    found = ClassPrior().reconstruct(obs, stream(0, "attack"), go_on).batch.image.flatten().numpy()
    np.testing.assert_allclose(found, truth, atol=1e-6)


def test_a_class_of_too_few_pictures_takes_the_law_of_all():
    pictures, labels = public()
    wanted = torch.tensor([5])
    means, _, whose = law_of_class(pictures, labels, wanted, 9)
    torch.testing.assert_close(means[0], pictures.flatten(1).mean(0))
    assert whose == "all public pictures"
    assert law_of_class(pictures, labels, torch.tensor([1]), 9)[2] == "public pictures of the same class"


def test_either_side_of_the_pictures_gives_the_same_covariance():
    pictures, _ = public(5)  # fewer pictures than pixels
    _, roots, _ = law_of_class(pictures, None, torch.tensor([0]), 9)
    expected = np.cov(pictures.flatten(1).numpy().T, bias=True)
    np.testing.assert_allclose((roots[0] @ roots[0].T).numpy(), expected, atol=1e-4)  # FLOOR squared, in those directions


@pytest.mark.parametrize("defense", ["outpost", "censor(share=0.5)", "sign", "stochastic_quantisation(bits=2)", "gaussian_noise", "none"])
def test_slopes_of_the_laws_are_their_derivatives(defense):
    _, client, obs = seen_by(DIGIT + defense)
    laws, _ = laws_of(obs, 2.0**-52)
    image = client.batch.image + 0.05
    assert laws
    for law in laws:
        numbers = law.of(image, law.own(image)).detach().requires_grad_()
        value, slope, bend = law.like(numbers, 0.5)
        (expected,) = torch.autograd.grad(value, numbers)
        if defense != "sign":  # whose softness is the guess's own size, which a step takes for given
            torch.testing.assert_close(slope, expected, rtol=1e-6, atol=1e-8)
        assert bool((bend >= 0).all())


def test_rounding_by_chance_has_the_chances_of_the_defense():
    value = _by_chance(torch.tensor([2.0, 0.0, 0.0, -2.0]), 2.0)(torch.tensor([0.5, 0.5, -1.0, -1.5]), 0.0)[0]
    assert float(value) == pytest.approx(-np.log(0.25 * 0.75 * 0.5 * 0.75), rel=0.01)


def test_an_interval_costs_nothing_inside_and_much_outside():
    obs, _, _ = linear(0.0, 3)
    law = _inside(obs, torch.tensor([0.0, 0.0, 0.0]), torch.tensor([1.0, 1.0, 1.0]))
    inside, outside = (float(law(torch.tensor(v), 1e-3)[0]) for v in ([0.5, 0.3, 0.7], [0.5, 0.3, 1.2]))
    assert inside < 1e-6 and outside > 10


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_what_censor_sends_obeys_its_equations_at_the_truth_and_not_elsewhere(share):
    _, client, obs = seen_by(DIGIT + f"censor(share={share})")
    bare = lambda image: obs.rules.equal(obs.rules.release(obs.net, Batch.of(image, client.batch.label), None))  # noqa: E731
    assert float(bare(client.batch.image).abs().max()) < 1e-9
    assert float(bare(obs.public[:1]).abs().max()) > 1e-3


def test_what_outpost_sends_are_the_largest_of_each_layer():
    _, client, obs = seen_by(DIGIT + "outpost")
    truth = obs.rules.release(obs.net, client.batch, None)
    assert obs.rules.largest == "part" and set(truth) == set(obs.message)
    for name, leaf in obs.message.items():
        came = leaf != 0
        assert float(truth[name][came].abs().min()) >= float(truth[name][~came].abs().max())


RULED = [
    ("outpost(base=100.0)", 26.0, 11.0),
    ("censor", 16.0, 11.0),
    ("censor(share=0.5)", 24.0, 21.5),
    ("stochastic_quantisation(bits=4)", 19.5, 18.0),
]


@pytest.mark.parametrize(("defense", "least", "most"), RULED)
def test_who_knows_what_a_defense_cannot_help_telling_gets_more(defense, least, most):
    """Measured on picture 74, whose class's mean is at 9.3 dB: with the rules, and without."""
    _, client, obs = seen_by(DIGIT + defense)
    truth = client.batch.image
    got = [
        -10 * np.log10(float((ClassPrior().reconstruct(one, stream(0, "attack"), go_on).batch.image - truth).square().mean()))
        for one in (obs, dataclasses.replace(obs, rules=None))
    ]
    assert got[0] > least and got[1] < most, got


def test_rules_are_told_to_nobody_who_does_not_know_the_defense_nor_where_another_stands_before_it():
    assert seen_by(DIGIT.replace("aware", "unaware") + "outpost")[2].rules is None
    assert seen_by(DIGIT + "outpost")[2].rules is not None
    assert seen_by(DIGIT + "gaussian_noise&defense=censor")[2].rules is None
    assert seen_by(DIGIT + "clipping&defense=censor")[2].rules is not None


def test_the_mean_of_the_class_counts_as_hidden_though_it_may_be_20_db():
    nothing = Scenario.parse(
        "data=digits&model=lenet&attack=class_prior&attacker=aware&seed=0&dtype=float64&defense=gaussian_noise(sigma=1000.0)"
    )
    found = run(nothing, SITE)
    mean = np.mean([x for x, y in zip(*_digits(), strict=True) if y == found.labels[0]], 0)
    alone = -10 * np.log10(np.mean((mean - found.truth[0, 0]) ** 2))
    assert alone > 20 and found.scores["psnr"][0] == pytest.approx(alone, abs=0.5)
    assert found.baseline.psnr[0] == pytest.approx(alone, abs=0.01) and found.word == "hidden"
    assert run(nothing.replace(attack=DLG()), SITE).baseline.psnr[0] < 13, "others are measured against the mean of all"
    assert run(Scenario.parse(nothing.text().replace("gaussian_noise(sigma=1000.0)", "outpost")), SITE).word in ("recognisable", "readable")


def _digits():
    samples = Scenario.parse("data=digits").data.load(None).public
    images, labels = samples.take(list(range(len(samples))))
    return np.asarray(images)[:, 0], labels


def test_what_is_sure_of_a_message_is_not_held_against_its_answer():
    """CENSOR sends what is at right angles to the gradient: no answer's own gradient is like it, the right one's neither."""
    by_rules = run(Scenario.parse(DIGIT + "censor"), SITE)
    assert not by_rules.failed and "no better" not in by_rules.note and "what is sure of the message" in by_rules.note
    other = run(Scenario.parse(DIGIT.replace("class_prior", "dlg(steps=50,restarts=1)") + "censor"), SITE)
    assert other.failed


def test_a_message_that_says_nothing_leaves_the_mean_of_the_class():
    _, _, obs = seen_by(DIGIT + "gaussian_noise(sigma=1000.0)")
    found = ClassPrior().reconstruct(obs, stream(0, "attack"), go_on).batch.image
    mean = obs.public[obs.public_labels == int(obs.template.label[0])].mean(0)
    assert float((found[0] - mean).abs().max()) < 0.05
    nothing = dataclasses.replace(obs, noise=0.0, message={name: torch.zeros_like(leaf) for name, leaf in obs.message.items()})
    answer = ClassPrior().reconstruct(nothing, stream(0, "attack"), go_on)  # as where all that is not zero was encrypted
    assert torch.allclose(answer.batch.image[0], mean) and answer.failed and "all zeros. The answer is the mean" in answer.note
