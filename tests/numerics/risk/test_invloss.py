"""InvLoss, its bounds and InvRE against dense posteriors and the formulas of the theory."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from risk_cases import CASES, covariance, linear_case, make_case, noisy_posterior, posterior, root_of

from invviz import risk

SIGMAS = (1e-4, 1e-3, 1e-2, 0.3)


@pytest.fixture(params=["white", "natural", "dataset"])
def lossy(request, linear):
    """(linear case that loses directions, covariance, decomposition)."""
    return linear, covariance(request.param, linear.shape), risk.decompose(linear.jacobian, linear.batch.image, linear.prior(request.param))


@pytest.mark.parametrize("sigma", SIGMAS)
def test_t1_is_the_trace_of_the_posterior(spectrum, sigma):
    case, cov, dec = spectrum
    exact = np.trace(posterior(case.dense, cov, sigma))
    # with little noise the dense inverse itself is ill-conditioned
    assert risk.invloss(dec, sigma) == pytest.approx(exact, rel=1e-8 if sigma >= 1e-2 else 1e-6)
    assert risk.invre(dec, sigma) == pytest.approx(1 - exact / np.trace(cov), rel=1e-6)
    assert risk.psnr_ceiling(dec, sigma) == pytest.approx(-10 * math.log10(exact / len(cov)), rel=1e-6)


def test_t1_white_formula(lossy):
    case, cov, dec = lossy
    if dec.prior == "white":
        s = np.linalg.svd(case.dense, compute_uv=False)
        exact = (0.0625 * 0.04 / (0.04 + 0.0625 * s**2)).sum() + (len(cov) - len(s)) * 0.0625
        assert risk.invloss(dec, 0.2) == pytest.approx(exact, rel=1e-10)
    assert risk.invloss(dec, 0.2) == pytest.approx(np.trace(posterior(case.dense, cov, 0.2)), rel=1e-8 if dec.prior == "dataset" else 1e-10)


@pytest.mark.parametrize("sigma", [1e-2, 0.3])
@pytest.mark.parametrize("name", ["lenet_3", "lenet_batch"])
def test_t1_under_the_dataset_prior(name, sigma):
    case = make_case(*CASES[name])
    cov = covariance("dataset", case.shape, len(case.batch.image))
    dec = risk.decompose(case.jacobian, case.batch.image, case.prior("dataset"))
    assert risk.invloss(dec, sigma) == pytest.approx(np.trace(posterior(case.dense, cov, sigma)), rel=1e-6)
    assert dec.trace == pytest.approx(np.trace(cov), rel=1e-8)


@pytest.mark.parametrize("name", ["white", "natural", "dataset"])
@pytest.mark.parametrize("rows", [5, 40])
def test_noise_on_the_picture_itself(name, rows):
    """T6, T9: the client sends A (x + e) with noise; through the rows and through the Gram matrix."""
    case, variance = linear_case(rows), 0.03
    cov = covariance(name, case.shape)
    dec = risk.decompose(case.jacobian, case.batch.image, case.prior(name).noisy(variance))
    assert dec.trace == pytest.approx(np.trace(cov), rel=1e-10)
    for sigma in (1e-6, 0.1, 1.0):
        exact = np.trace(noisy_posterior(case.dense, cov, sigma, variance))
        assert risk.invloss(dec, sigma) == pytest.approx(exact, rel=1e-8)
        assert risk.invloss_interval(dec, sigma) == pytest.approx((exact, exact), rel=1e-8)
        assert exact > 1.02 * np.trace(noisy_posterior(case.dense, cov, sigma, 0.0))
    assert dec.size * 0.0 + np.trace(cov) - case.prior(name).noisy(variance).learnable <= risk.invloss(dec, 0.0) * (1 + 1e-9)


def test_t9_white_formula():
    """Input noise of variance v on v_i is release noise s_i^2 v on u_i."""
    case = linear_case(8)
    dec = risk.decompose(case.jacobian, case.batch.image, case.prior("white").noisy(0.04))
    s = np.linalg.svd(case.dense, compute_uv=False)
    noise = 0.3**2 + 0.04 * s**2
    exact = (0.0625 * noise / (noise + 0.0625 * s**2)).sum() + (dec.size - len(s)) * 0.0625
    assert risk.invloss(dec, 0.3) == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("name", ["white", "natural", "dataset"])
def test_intervals_of_exact_figures_are_points(name, linear):
    dec = risk.decompose(linear.jacobian, linear.batch.image, linear.prior(name))
    for value, interval in (
        (risk.invloss, risk.invloss_interval),
        (risk.invre, risk.invre_interval),
        (risk.psnr_ceiling, risk.psnr_interval),
    ):
        assert interval(dec, 0.1) == (value(dec, 0.1),) * 2


@pytest.mark.parametrize("sigma", [1e-3, 0.3])
def test_t2_is_the_best_truncated_inverse_of_this_batch(spectrum, sigma):
    case, cov, dec = spectrum
    root = root_of(cov)
    u, s, vt = np.linalg.svd(case.dense @ root, full_matrices=False)
    x = case.batch.image.flatten().numpy() - 0.5
    errors = []
    for k in range(min((s > 1e-7 * s[0]).sum(), dec.size) + 1):
        attack = (root @ vt[:k].T / s[:k]) @ u[:, :k].T  # a matrix on messages
        errors.append(((x - attack @ case.dense @ x) ** 2).sum() + sigma**2 * (attack**2).sum())
    assert risk.invloss_bound_here(dec, sigma) == pytest.approx(min(errors), rel=1e-5)
    assert risk.k_here(dec, sigma) == np.argmin(errors)
    assert risk.k_star(dec, sigma) == (s > sigma).sum()


@pytest.mark.parametrize("sigma", [0.0, *SIGMAS, 10.0])
def test_t2_averaged_over_the_prior_is_within_a_factor_two(spectrum, sigma):
    _, _, dec = spectrum
    rng = np.random.default_rng(0)
    tails = [_tails_of(dec, rng.standard_normal(dec.size)) for _ in range(60)]
    # the average of B_k over the prior, at the best fixed k, by drawing pictures
    averaged = dataclasses.replace(dec, tails=np.mean(tails, axis=0))
    bound, least = risk.invloss_bound(dec, sigma), risk.invloss(dec, sigma)
    assert risk.invloss_bound_here(averaged, sigma) == pytest.approx(bound, rel=0.25, abs=1e-12)
    assert least * (1 - 1e-12) <= bound <= 2 * least * (1 + 1e-12)


def _tails_of(dec, u):
    known = np.cumsum(dec.basis.astype(float) * u, axis=1)
    return np.append(known[:, -1] @ known[:, -1], ((known[:, -1:] - known) ** 2).sum(0))


def test_t3_lies_below_and_is_reached_by_a_scaled_identity(spectrum):
    case, cov, dec = spectrum
    for sigma in SIGMAS:
        bound = risk.van_trees_bound((case.dense**2).sum(), sigma, dec.size, case.prior(dec.prior).precision_trace)
        exact = len(cov) ** 2 / ((case.dense**2).sum() / sigma**2 + np.trace(np.linalg.inv(cov)))
        assert bound == pytest.approx(exact, rel=1e-9)
        assert 0 < bound <= risk.invloss(dec, sigma) * (1 + 1e-9)
    white = risk.Prior("white", (1, 2, 2)).precision_trace
    assert risk.van_trees_bound(4 * 3.0**2, 0.5, 4, white) == pytest.approx(4 * 0.0625 * 0.25 / (0.25 + 0.0625 * 9))
    assert risk.van_trees_bound(1.0, 0.0, 4, white) == 0


def test_limits(lossy):
    case, cov, dec = lossy
    seen = case.dense @ cov @ case.dense.T
    lost = np.trace(cov) - np.trace(cov @ case.dense.T @ np.linalg.solve(seen, case.dense @ cov))
    close = 1e-6 if dec.prior == "dataset" else 1e-9
    assert risk.invloss(dec, 0.0) == pytest.approx(lost, rel=close)
    assert risk.invloss(dec, 1e-9) == pytest.approx(lost, rel=close)
    assert risk.k_here(dec, 0.0) == risk.k_star(dec, 0.0) == len(case.dense)
    assert risk.invloss_bound_here(dec, 0.0) == pytest.approx(dec.tails[len(case.dense)])
    assert risk.invloss_bound(dec, 0.0) == pytest.approx(lost, rel=close)
    assert risk.invloss(dec, 1e9) == pytest.approx(np.trace(cov)) and risk.invre(dec, 1e9) == pytest.approx(0, abs=1e-12)
    assert risk.k_here(dec, 1e9) == risk.k_star(dec, 1e9) == 0
    assert risk.invloss_bound_here(dec, 1e9) == pytest.approx(((case.batch.image.numpy().ravel() - dec.mean) ** 2).sum(), rel=1e-6)


def test_a_release_that_tells_all_is_finite(linear):
    dec = risk.decompose(linear.jacobian, linear.batch.image, linear.prior("white"))
    dec = dataclasses.replace(dec, gains=np.ones(dec.size))
    assert (risk.invloss(dec, 0.0), risk.invre(dec, 0.0), risk.psnr_ceiling(dec, 0.0)) == (0.0, 1.0, 200.0)


def test_more_noise_never_helps_the_attacker(spectrum):
    _, _, dec = spectrum
    sigmas = [0.0, *np.geomspace(1e-8, 1e3, 60)]
    growing, falling = (risk.invloss, risk.invloss_bound_here, risk.invloss_bound), (risk.invre, risk.psnr_ceiling, risk.k_star)
    for value, sign in [(v, 1) for v in growing] + [(v, -1) for v in falling]:
        steps = sign * np.diff([value(dec, sigma) for sigma in sigmas])
        assert (steps >= -1e-9).all(), value.__name__


def test_floor_and_total_noise(spectrum):
    _, _, dec = spectrum
    assert risk.floor_sigma(10.0, 25, 0.01) == pytest.approx(0.02)
    assert risk.total_sigma(dec, 0.01) == pytest.approx(0.01 * dec.message_norm / math.sqrt(dec.num_message))
    assert risk.total_sigma(dec, 0.0, 0.09) == pytest.approx(0.3)
    assert risk.total_sigma(dec, 0.02, 0.5) ** 2 == pytest.approx(risk.total_sigma(dec, 0.02) ** 2 + 0.5)
