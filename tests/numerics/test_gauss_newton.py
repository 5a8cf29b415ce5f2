"""Gauss-Newton: one step against numpy, its convergence, the most likely picture in closed form, and what its certificate says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from invviz.attacks import GaussNewton
from invviz.attacks._fit import Fit, Slope
from invviz.attacks._newton import Factor, conjugate_gradients, openness
from invviz.attacks._priors import CORRELATION, roots, smoothness
from invviz.attacks._priors import SPREAD as WIDTH
from invviz.core.rng import stream
from invviz.core.types import Batch, Knowledge, Net, Observation
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.scenario import Scenario, problems

SITE = Site(None, Path("/nonexistent"), "cpu")
SIDE = 4
NET = Net.of(torch.nn.Linear(1, 1).double())
CLOSE = {"rtol": 1e-7, "atol": 1e-9}


def observation(send, truth, extra=None, **known):
    """What an attacker sees of `send`, a map of flat pictures in float64."""
    release = lambda net, batch, rng: {"m": send(batch.image.flatten())}  # noqa: E731
    message = send(truth.flatten()) + (0 if extra is None else extra)
    template = Batch.of(torch.zeros_like(truth), torch.zeros(len(truth), dtype=torch.int64))
    return Observation({"m": message}, NET, release, template, Knowledge(labels=True), 10, **known)


def pictures(seed=0, shape=(1, 1, SIDE, SIDE)):
    return torch.as_tensor(np.random.default_rng(seed).uniform(0.1, 0.9, shape))


def matrix(rows, columns=SIDE * SIDE, seed=1):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=(rows, columns)))


def curved(seed=2):
    """A small sigmoid net's output, which determines its input."""
    first, second = matrix(40, seed=seed), matrix(30, 40, seed=seed + 1)
    return lambda x: second @ torch.sigmoid(first @ (x - 0.5))


def attack(obs, progress=lambda step: True, **knobs):
    return GaussNewton(**knobs).reconstruct(obs, stream(3, "attack"), progress)


def flat(found):
    return found.batch.image.flatten().numpy()


@pytest.mark.parametrize("dense", [4096, 5, 0])
def test_a_linear_message_is_solved_as_numpy_solves_it(dense):
    a, truth = matrix(24), pictures()
    noise = 0.01 * matrix(24, 1, seed=5).flatten()
    obs = observation(lambda x: a @ x, truth, noise)
    expected, *_ = np.linalg.lstsq(a.numpy(), obs.message["m"].numpy(), rcond=None)
    assert np.allclose(flat(attack(obs, dense=dense)), expected, rtol=0, atol=1e-6)


def test_one_undamped_step_is_that_of_a_dense_jacobian():
    obs = observation(curved(), pictures())
    fit = Fit.of(obs, obs.template.label)
    z = 0.1 * matrix(1).flatten()
    dense = torch.autograd.functional.jacobian(fit.map, z).numpy()
    slope = Slope.of(fit, z)
    expected, *_ = np.linalg.lstsq(dense, slope.rest.numpy(), rcond=None)
    factor = Factor.of(fit, z, fit.size, 4096)
    assert np.allclose(factor.gram.numpy(), dense.T @ dense, **CLOSE)
    assert np.allclose(slope.forth(z).numpy(), dense @ z.numpy(), **CLOSE)
    assert np.allclose(slope.normal(z[:5], fit.size).numpy(), (dense.T @ dense)[:5, :5] @ z[:5].numpy(), **CLOSE)
    for solver in (factor, Factor.of(fit, z, fit.size, 7)):
        assert solver.damp(1e-12)
        d = conjugate_gradients(lambda v: slope.normal(v, fit.size), slope.back(slope.rest), solver.solve, 1e-12, 1000)
        assert np.allclose(d.numpy(), expected, **CLOSE)


def test_conjugate_gradients_say_when_they_take_too_many_products():
    a = matrix(30).T @ matrix(30)
    ask = lambda patience: conjugate_gradients(lambda v: a @ v, a[0], lambda v: v, 1e-10, patience)  # noqa: E731
    assert ask(3) is None
    assert np.allclose(ask(100).numpy(), np.linalg.solve(a.numpy(), a[0].numpy()), rtol=1e-6, atol=1e-6)


def test_convergence_is_quadratic():
    """The error of one step is at most a constant times the square of that before: 1e-2, 1e-4, 1e-8."""
    truth, guesses = pictures(), []
    obs = observation(curved(), truth)
    found = attack(obs, lambda step: guesses.append(step.guess.clone()) or True, coarse=False)
    errors = [float((g - truth).norm()) for g in guesses]
    errors = [e for e, before in zip(errors[1:], errors, strict=False) if e < before]
    tail = [(before, e) for before, e in zip(errors, errors[1:], strict=False) if before < 0.1 and e > 1e-12]
    assert len(tail) >= 2, errors
    assert all(e < 3 * before**2 + 1e-12 for before, e in tail), errors
    assert np.abs(flat(found) - truth.flatten().numpy()).max() < 1e-10
    assert found.note.startswith("Exact:")


def wave(n):
    k, i = np.arange(n)[:, None], np.arange(n)[None]
    found = np.cos(np.pi * (i + 0.5) * k / n) * np.sqrt(2 / n)
    found[0] /= np.sqrt(2)
    return found


def precision():
    """The smooth prior's inverse covariance on one grey picture, written out."""
    basis = np.kron(wave(SIDE), wave(SIDE))
    power = 1 / (1 + np.add.outer(np.arange(SIDE) ** 2, np.arange(SIDE) ** 2))
    return basis.T @ np.diag(1 / (WIDTH**2 * power / power.mean()).ravel()) @ basis


@pytest.mark.parametrize("rows", [24, 9])
def test_with_known_noise_it_finds_the_most_likely_picture(rows):
    """(A'A / s^2 + P) x = A'm / s^2 + P mean, also where A alone leaves directions open."""
    a, sigma = matrix(rows), 0.3
    obs = observation(lambda x: a @ x, 0.5 + 0.1 * (pictures() - 0.5), sigma * matrix(rows, 1, seed=7).flatten(), noise=sigma)
    rest = obs.message["m"].numpy() - a.numpy() @ np.full(SIDE * SIDE, 0.5)
    expected = 0.5 + np.linalg.solve(a.numpy().T @ a.numpy() / sigma**2 + precision(), a.numpy().T @ rest / sigma**2)
    assert expected.min() > 0 and expected.max() < 1
    found = attack(obs)
    assert np.allclose(flat(found), expected, rtol=0, atol=1e-5)
    assert "most likely" in found.note and "xact:" not in found.note


def test_the_prior_as_rows_has_its_law():
    image = pictures(shape=(2, 3, 4, 4))
    assert float(roots(image, 0.5).square().sum()) == pytest.approx(float(smoothness(image, 0.5)))
    channels = np.linalg.inv(np.full((3, 3), CORRELATION) + (1 - CORRELATION) * np.eye(3))
    centred = image.numpy().reshape(2, 3, -1) - 0.5
    assert float(smoothness(image, 0.5)) == pytest.approx(np.einsum("bci,cd,ij,bdj->", centred, channels, precision(), centred))


def test_rounding_with_ends_counts_as_noise_and_without_is_refused():
    a, truth = matrix(40), 0.5 + 0.3 * (pictures() - 0.5)
    exact = a @ truth.flatten()
    low = {"m": (exact / 0.2).floor() * 0.2}
    high = {"m": low["m"] + 0.2}
    obs = dataclasses.replace(observation(lambda x: a @ x, truth), message={"m": low["m"] + 0.1}, interval=(low, high))
    sigma, middle = 0.2 / 12**0.5, low["m"].numpy() + 0.1
    rest = middle - a.numpy() @ np.full(SIDE * SIDE, 0.5)
    expected = 0.5 + np.linalg.solve(a.numpy().T @ a.numpy() / sigma**2 + precision(), a.numpy().T @ rest / sigma**2)
    assert np.allclose(flat(attack(obs)), expected, rtol=0, atol=1e-5)
    half = {"m": torch.full_like(exact, torch.inf)}
    half["m"][0] = low["m"][0]  # an exact zero whose sign was sent
    refused = attack(dataclasses.replace(obs, interval=(low, half)))
    assert refused.failed and "two known ends" in refused.note


def test_what_was_not_sent_is_left_out():
    a, truth = matrix(40), pictures()
    seen = torch.ones(40, dtype=torch.float64)
    seen[::3] = 0
    obs = observation(lambda x: a @ x, truth, 5.0 * (1 - seen), seen={"m": seen})
    assert np.abs(flat(attack(obs)) - truth.flatten().numpy()).max() < 1e-9
    assert "Exact" not in attack(dataclasses.replace(obs, seen=None)).note


def test_the_certificate_counts_open_directions():
    a, truth = matrix(11), pictures()
    found = attack(observation(lambda x: a @ x, truth))
    assert "not exact: 5 of 16 directions are open" in found.note
    assert np.abs(flat(found) - truth.flatten().numpy()).max() > 0.01
    assert "was not counted" in attack(observation(lambda x: matrix(24) @ x, truth), dense=8).note


@pytest.mark.parametrize(("smallest", "count"), [(1e-3, 0), (1e-5, 0), (1e-9, 2)])
def test_openness_is_that_of_the_singular_values(smallest, count):
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(30, 30)))[0]
    values = np.concatenate([np.geomspace(4.0, 0.4, 28), [4 * smallest] * 2])
    left, share = openness(torch.as_tensor(q @ np.diag(values**2) @ q.T))
    assert left == count
    assert count or share == pytest.approx(smallest, rel=0.1)


@pytest.mark.parametrize("message", [0.0, float("nan"), float("inf")])
def test_a_message_without_equations_is_answered_in_words(message):
    obs = observation(curved(), pictures())
    found = attack(dataclasses.replace(obs, message={"m": torch.full_like(obs.message["m"], message)}))
    assert found.failed and ("zeros" in found.note or "finite" in found.note)
    assert (found.batch.image == 0.5).all()


def test_a_defense_that_cannot_be_made_linear_is_said():
    def send(x):
        y = x + 0
        y.data = 2 * y.data
        return y

    found = attack(observation(send, pictures()))
    assert found.failed and "cannot be made linear" in found.note


def test_a_message_of_no_picture_is_not_called_exact():
    obs = observation(curved(), pictures())
    found = attack(dataclasses.replace(obs, message={"m": -3 * obs.message["m"] + 1}))
    assert found.failed and "xact:" not in found.note


def test_it_is_decided_by_its_random_numbers_and_stops_when_asked():
    obs = observation(curved(), pictures())
    assert torch.equal(attack(obs).batch.image, attack(obs).batch.image)
    steps = []
    found = attack(obs, lambda step: steps.append(step) or len(steps) < 3)
    assert len(steps) == 3 and found.stopped and not found.failed


@pytest.mark.parametrize("dense", [0, 4096])
def test_it_asks_within_a_step_whether_to_go_on(dense):
    """A step on a vision transformer takes many minutes: half an hour without a word, in which Stop did nothing."""
    steps, obs = [], observation(curved(), pictures())
    found = attack(obs, lambda step: steps.append(step.number) or len(steps) < 2, dense=dense)
    assert steps == [1, 1] and found.stopped and found.trace[-1][0] == 1


def test_the_certificate_can_be_stopped_and_says_so():
    obs, numbers = observation(curved(), pictures()), []
    whole = attack(obs, lambda step: numbers.append(step.number) or True)
    assert "Exact" in whole.note and numbers[-2:] == [numbers[-1]] * 2, "it asks while it counts"
    left = iter(range(len(numbers) - 1))
    found = attack(obs, lambda step: next(left, None) is not None)
    assert "was not counted, as that was stopped" in found.note and not found.stopped and found.loss == whole.loss


@pytest.mark.parametrize("scene", ["model=lenet", "model=convnet(act='tanh',width=8)&batch=2", "model=mlp(act='tanh')&batch=2"])
def test_gradients_of_smooth_nets_are_solved_to_their_rounding(scene):
    found = run(Scenario.parse(f"data=digits&attack=gauss_newton&{scene}"), SITE)
    assert min(found.scores["psnr"]) > 90
    assert "Exact: the message is explained to its rounding" in found.note


def test_updates_and_embeddings_are_solved_too():
    update = run(Scenario.parse("data=digits&model=lenet&protocol=hfl(local_steps=2,lr=0.1)&attack=gauss_newton"), SITE)
    assert update.scores["psnr"][0] > 60
    embedding = run(Scenario.parse("data=digits&model=lenet&protocol=vfl(parties=1,cut=1)&attack=gauss_newton"), SITE)
    assert embedding.scores["psnr"][0] > 60


def test_the_label_can_be_read_off_the_gradient_of_one_sample():
    found = run(Scenario.parse("data=digits&model=lenet&attack=gauss_newton(labels='inferred')"), SITE)
    assert found.scores["psnr"][0] > 90
    assert not problems(Scenario.parse("data=digits&batch=2&attack=gauss_newton"))
    for rest in ("batch=2", "protocol=vfl(parties=1)"):
        assert any("labels=known" in p for p in problems(Scenario.parse(f"data=digits&{rest}&attack=gauss_newton(labels='inferred')")))
