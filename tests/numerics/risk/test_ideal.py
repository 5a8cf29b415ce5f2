"""The ideal attacker against the dense Bayesian estimator and against its own promised error."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from risk_cases import covariance, posterior, principal, public_pictures

from invviz import risk
from invviz.core.rng import derive


@pytest.mark.parametrize("sigma", [1e-2, 0.3])
def test_equals_the_dense_bayesian_estimator(spectrum, sigma):
    case, cov, dec = spectrum
    eps = np.random.default_rng(derive(5, "ideal attacker")).standard_normal(dec.size)
    seen = dec.gains > 1e-9 * dec.gains[0]
    left = case.dense @ dec.basis.astype(float)[:, seen] / np.sqrt(dec.gains[seen])  # left singular vectors
    x = case.batch.image.flatten().numpy()
    message = case.dense @ (x - 0.5) + sigma * left @ eps[seen]
    guess = 0.5 + posterior(case.dense, cov, sigma) @ case.dense.T @ message / sigma**2
    picture = risk.ideal(dec, sigma, seed=5)
    assert picture.shape == dec.shape
    np.testing.assert_allclose(picture.ravel(), guess, atol=2e-3 * np.abs(guess - 0.5).max())


@pytest.mark.parametrize("sigma", [0.05, 0.5, 5.0])
def test_nineteen_in_twenty_lie_within_the_spread(linear, sigma):
    """Against draws of pictures and noise; of other priors and of sketches nothing is said."""
    dec = risk.decompose(linear.jacobian, linear.batch.image, linear.prior("white"))
    rng = np.random.default_rng(4)
    psnr = []
    for seed in range(1500):
        u = rng.standard_normal(dec.size)
        guess = risk.ideal(dataclasses.replace(dec, coefficients=u), sigma, seed)
        psnr.append(-10 * np.log10(((guess.ravel() - dec.mean - dec.basis @ u) ** 2).mean()))
    low, high = risk.psnr_spread(dec, sigma)
    assert low < risk.psnr_ceiling(dec, sigma) < high
    assert np.quantile(psnr, [0.025, 0.975]) == pytest.approx([low, high], abs=0.15)
    assert risk.psnr_spread(dataclasses.replace(dec, method="sketch"), sigma) is None
    assert risk.psnr_spread(risk.decompose(linear.jacobian, linear.batch.image, linear.prior("natural")), sigma) is None


@pytest.mark.parametrize("name", ["white", "natural", "dataset"])
def test_mean_squared_error_is_invloss(linear, name):
    dec = risk.decompose(linear.jacobian, linear.batch.image, linear.prior(name))
    rng = np.random.default_rng(3)
    for sigma in (0.0, 0.05, 0.5, 5.0):
        errors = []
        for seed in range(1500):
            u = rng.standard_normal(dec.size)
            x = dec.mean + dec.basis @ u
            guess = risk.ideal(dataclasses.replace(dec, coefficients=u), sigma, seed)
            errors.append(((guess.ravel() - x) ** 2).sum())
        spread = np.std(errors) / np.sqrt(len(errors))
        assert abs(np.mean(errors) - risk.invloss(dec, sigma)) < 4 * spread


@pytest.mark.parametrize("name", ["white", "natural", "dataset"])
def test_limits(linear, name):
    dec = risk.decompose(linear.jacobian, linear.batch.image, linear.prior(name))
    mean = principal(public_pictures(linear.shape), 5)[0] if name == "dataset" else np.full(dec.size, 0.5)
    cov, a, x = covariance(name, linear.shape), linear.dense, linear.batch.image.numpy().ravel() - mean
    exact = mean + cov @ a.T @ np.linalg.solve(a @ cov @ a.T, a @ x)  # the most likely picture with this message
    np.testing.assert_allclose(risk.ideal(dec, 0.0).ravel(), exact, atol=1e-5)
    np.testing.assert_allclose(risk.ideal(dec, 1e-9).ravel(), exact, atol=1e-5)
    np.testing.assert_allclose(risk.ideal(dec, 1e9).ravel(), mean, atol=1e-6)


@pytest.mark.parametrize("name", ["white", "natural", "dataset"])
def test_of_a_noisy_picture_it_guesses_the_clean_one(linear, name):
    variance, cov, a = 0.02, covariance(name, linear.shape), linear.dense
    dec = risk.decompose(linear.jacobian, linear.batch.image, linear.prior(name).noisy(variance))
    sent = linear.batch.image.numpy().ravel() - dec.mean + variance**0.5 * np.random.default_rng(0).standard_normal(dec.size)
    guess = dec.mean + cov @ a.T @ np.linalg.solve(a @ (cov + variance * np.eye(dec.size)) @ a.T, a @ sent)
    np.testing.assert_allclose(risk.ideal(dec, 1e-9).ravel(), guess, atol=1e-5)
    errors = []
    rng = np.random.default_rng(4)
    root = np.linalg.cholesky(cov)
    inverse = linear.prior(name).noisy(variance).inv_sqrt_apply  # its own test is in test_prior
    white = (
        np.linalg.pinv(linear.prior(name).noisy(variance).denoise(linear.prior(name).noisy(variance).sqrt_apply(np.eye(dec.size))))
        @ dec.basis
    )
    for seed in range(400):
        x = root @ rng.standard_normal(dec.size)
        u = inverse(x + variance**0.5 * rng.standard_normal(dec.size)) @ white
        guess = risk.ideal(dataclasses.replace(dec, coefficients=u), 0.3, seed).ravel() - dec.mean
        errors.append(((guess - x) ** 2).sum())
    assert abs(np.mean(errors) - risk.invloss(dec, 0.3)) < 4 * np.std(errors) / 20


def test_one_draw_for_all_noise_levels(linear):
    dec = risk.decompose(linear.jacobian, linear.batch.image, linear.prior("white"))
    near, far = risk.ideal(dec, 0.2, seed=1), risk.ideal(dec, 0.2002, seed=1)
    assert 0 < np.abs(near - far).max() < 1e-3
    assert np.abs(near - risk.ideal(dec, 0.2, seed=2)).max() > 1e-2
    np.testing.assert_array_equal(near, risk.ideal(dec, 0.2, seed=1))
