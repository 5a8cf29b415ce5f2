"""Curvature of releases whose curvature is known, and the bounds that are made from it."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from risk_cases import linear_case, make_case, picture, posterior

from invviz import risk
from invviz.core.types import Batch
from invviz.models import MLP
from invviz.risk import Jacobian, Prior

trust_module = importlib.import_module("invviz.risk.trust")
SHAPE, SIZE = (1, 3, 4), 12


def quadratic(forms, constant=0.0):
    """(Jacobian of x -> (x^T A_i x)_i + constant * x, batch, prior); A_i symmetric."""
    a = torch.from_numpy(np.asarray(forms, float))
    data = Batch.of(picture(SHAPE, 1), torch.tensor([0]))

    def release(net, batch, rng):
        x = batch.image.flatten()
        return {"q": torch.einsum("i,kij,j->k", x, a, x), "l": constant * x}

    return Jacobian.of(release, None, data), data, Prior("natural", SHAPE)


def measured(jacobian, data, prior, seed=0):
    dec = risk.decompose(jacobian, data.image, prior)
    return risk.trust(jacobian, prior, dec, seed), dec


@pytest.mark.parametrize("name", ["white", "natural", "dataset"])
def test_a_linear_release_is_straight(name):
    case = linear_case()
    prior = case.prior(name)
    found, _ = measured(case.jacobian, case.batch, prior)
    assert max(found.random + found.top) < 1e-10 and found.bend < 1e-12
    assert found.precision_trace == prior.precision_trace
    assert len(found.steps) == len(found.random) == len(found.top)


def test_a_sphere_bends_by_two_everywhere():
    """G = c |x|^2: J(x + d) - J(x) = 2 c d^T, so beta is 2 c whatever the direction."""
    jacobian, data, prior = quadratic([1.5 * np.eye(SIZE)])
    found, dec = measured(jacobian, data, prior)
    assert found.bend == pytest.approx(3.0, rel=1e-6)
    x, d = data.image.flatten().numpy(), dec.basis[:, 0].astype(float)
    d *= np.sqrt(SIZE) / np.linalg.norm(d)
    expected = [(1.5 * h**2 * d @ d) / abs(3.0 * h * x @ d) for h in found.steps]
    first = trust_module._remainders(jacobian, torch.from_numpy(dec.basis[:, 0].astype(float)))
    np.testing.assert_allclose(first, expected, rtol=1e-5)
    ratio = np.array(found.random) / np.array(found.steps)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)  # the remainder over the linear part grows with the step


def test_the_bend_is_a_lower_estimate_of_the_lipschitz_constant():
    """One form: ||J(x + d) - J(x)|| / |d| = 2 |A d| / |d|, at most 2 |A|; several: the norm of a symmetric tensor, found here by search."""
    rng = np.random.default_rng(3)
    forms = rng.standard_normal((4, SIZE, SIZE))
    forms = forms + forms.transpose(0, 2, 1)
    jacobian, data, prior = quadratic(forms, 0.1)
    found, dec = measured(jacobian, data, prior)
    lipschitz = 0.0
    for d in rng.standard_normal((20, SIZE)):
        for _ in range(60):  # alternate between the direction and the vector that sees most of the change
            _, s, vt = np.linalg.svd(2 * forms @ d / np.linalg.norm(d), full_matrices=False)
            d = vt[0]
        lipschitz = max(lipschitz, s[0])
    assert 0.25 * lipschitz < found.bend <= lipschitz * (1 + 1e-6)
    strongest = dec.basis[:, 0].astype(float)
    along = np.linalg.norm(2 * forms @ strongest / np.linalg.norm(strongest), 2)
    assert found.bend >= 0.9 * along, "the strongest direction is one of those that are tried"


def test_the_mean_norm_of_the_jacobian_is_over_the_prior(monkeypatch):
    """G = x^T A x: E |2 A x|^2 = 4 (|A mean|^2 + tr A C A), in closed form."""
    monkeypatch.setattr(trust_module, "DRAWS", 60)
    monkeypatch.setattr(trust_module, "PROBES", 8)
    a = np.diag(np.linspace(0.5, 2, SIZE))
    jacobian, data, prior = quadratic([a])
    found, _ = measured(jacobian, data, prior)
    exact = 4 * (0.25 * (a**2).sum() + np.trace(a @ prior.dense() @ a))
    assert abs(found.frobenius_sq - exact) < 4 * found.frobenius_error
    assert found.frobenius_error < 0.2 * exact


def test_the_mean_norm_at_the_very_pictures_that_were_drawn():
    """Elementwise squares: every probe of signs sees |J|_F^2 without error, so the figure is a plain mean over the prior's draws."""
    forms = np.stack([np.diag(np.eye(SIZE)[i]) for i in range(SIZE)])
    jacobian, data, prior = quadratic(forms)
    found, _ = measured(jacobian, data, prior, seed=5)
    from invviz.core.rng import derive

    pictures = prior.draw(6, np.random.default_rng(derive(5, "trust")))[3:]
    exact = [(4 * x**2).sum() for x in pictures]
    assert found.frobenius_sq == pytest.approx(np.mean(exact), rel=1e-9)
    assert found.frobenius_error == pytest.approx(np.std(exact, ddof=1) / 3**0.5, rel=1e-9)


@pytest.mark.parametrize("name", ["white", "natural"])
def test_van_trees_holds_for_linear_and_bent_releases(name):
    case = linear_case(rows=16)
    found, dec = measured(case.jacobian, case.batch, case.prior(name))
    exact = (case.dense**2).sum()
    assert found.frobenius_sq == pytest.approx(exact, rel=0.5)
    for sigma in (0.01, 0.3, 3.0):
        bound = risk.van_trees_bound(exact, sigma, dec.size, found.precision_trace)
        assert 0 < bound <= np.trace(posterior(case.dense, case.prior(name).dense(), sigma))
    # bent: no estimator of x from x^2 with noise beats it, not even one that is told the sign (Monte Carlo over the prior, by a grid)
    rng, sigma = np.random.default_rng(0), 0.2
    grid = np.linspace(-1, 2, 2_001)
    x = 0.5 + 0.25 * rng.standard_normal(2_000)
    r = x**2 + sigma * rng.standard_normal(2_000)
    weight = np.exp(-((r[:, None] - grid**2) ** 2) / (2 * sigma**2) - (grid - 0.5) ** 2 / (2 * 0.0625))
    guess = weight @ grid / weight.sum(1)
    bound = risk.van_trees_bound(4 * (0.25 + 0.0625), sigma, 1, 16.0)
    assert 0.5 * np.mean((guess - x) ** 2) < bound < np.mean((guess - x) ** 2)


def test_a_net_is_nearly_straight_at_small_steps_and_not_at_large_ones():
    case = make_case(MLP(width=5, act="tanh"), (1, 6, 6), 1)
    found, _ = measured(case.jacobian, case.batch, case.prior("natural"))
    assert found.random[0] < 0.01 < 0.05 < found.random[-1] and list(found.random) == sorted(found.random)
    there = Jacobian.of(case.release, case.net, Batch.of(case.batch.image + 0.03, case.batch.label)).dense().numpy()
    turn = np.linalg.norm(there - case.dense, 2) / (0.03 * 6)
    assert 0.05 * turn < found.bend < 20 * turn
    plain = found.to_json()
    assert plain["steps"] == list(found.steps) and plain["bend"] == found.bend and isinstance(plain["top"], list)


def test_the_seed_decides():
    jacobian, data, prior = quadratic([np.diag(np.arange(1.0, SIZE + 1))])
    assert measured(jacobian, data, prior)[0] == measured(jacobian, data, prior)[0] != measured(jacobian, data, prior, 1)[0]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_wedin_holds_for_perturbed_matrices(k):
    rng = np.random.default_rng(k)
    for _ in range(200):
        s = np.sort(rng.uniform(0, 1, 8))[::-1].copy()
        s[:k] += 1.0
        a = np.linalg.qr(rng.standard_normal((10, 8)))[0] * s @ np.linalg.qr(rng.standard_normal((8, 8)))[0]
        e = rng.standard_normal((10, 8))
        e *= rng.uniform(0.01, 0.3) / np.linalg.norm(e, 2)
        before, after = (np.linalg.svd(m)[2][:k] for m in (a, a + e))
        sine = np.linalg.norm(before @ (np.eye(8) - after.T @ after), 2)
        values = np.linalg.svd(a, compute_uv=False)
        bound = risk.subspace_error(values, k, np.linalg.norm(e, 2))
        assert sine <= bound * (1 + 1e-9)
    assert risk.subspace_error(np.array([3.0, 2.0, 1.0]), 1, 0.1) == pytest.approx(0.1 / 0.9)


def test_without_a_gap_nothing_is_promised():
    values = np.array([3.0, 2.0, 2.0, 1.0])
    assert risk.subspace_error(values, 2, 1e-6) == 1.0
    assert risk.subspace_error(values, 1, 1.5) == 1.0 == risk.subspace_error(values, 1, 0.9)
    assert risk.subspace_error(values, 1, 0.0) == 0.0


def test_trusted_radius():
    assert risk.trusted_radius(0.6, 0.3, 16) == pytest.approx(2 * 0.6 / 0.3 / 4)
    assert risk.trusted_radius(0.6, 0.0, 16) == float("inf")


def test_a_release_that_says_nothing_is_no_error():
    data = Batch.of(picture(SHAPE, 1), torch.tensor([0]))
    jacobian = Jacobian.of(lambda net, batch, rng: {"z": 0.0 * batch.image.flatten() + 1}, None, data)
    found, dec = measured(jacobian, data, Prior("white", SHAPE))
    assert found.bend == 0 == found.frobenius_sq and max(found.random + found.top) == 0
    assert risk.invre(dec, 0.1) == 0
