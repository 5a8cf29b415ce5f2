"""Maps over pixels and samples against dense posteriors."""

from __future__ import annotations

import numpy as np
import pytest
from risk_cases import covariance, linear_case, make_case, noisy_posterior, posterior

from invviz import risk
from invviz.models import MLP


@pytest.fixture(scope="module")
def pair():
    """A batch of two."""
    return make_case(MLP(width=5, act="tanh"), (3, 3, 4), 2)


@pytest.mark.parametrize("name", ["white", "natural", "dataset"])
@pytest.mark.parametrize("sigma", [1e-3, 0.05])
def test_pixels_and_samples_are_diagonals_of_the_posterior(pair, name, sigma):
    dec = risk.decompose(pair.jacobian, pair.batch.image, pair.prior(name))
    cov = covariance(name, pair.shape, 2)
    exact = posterior(pair.dense, cov, sigma)
    found = risk.pixel_variance(dec, sigma)
    assert found.shape == (2, 3, 3, 4)
    np.testing.assert_allclose(found.ravel(), np.diag(exact), rtol=1e-4, atol=1e-6 * cov.max())
    size = len(exact) // 2
    blocks = [np.trace(exact[:size, :size]), np.trace(exact[size:, size:])]
    np.testing.assert_allclose(risk.sample_loss(dec, sigma), blocks, rtol=1e-4)
    assert found.sum() == pytest.approx(risk.invloss(dec, sigma), rel=1e-4)


@pytest.mark.parametrize("name", ["white", "natural", "dataset"])
def test_with_noise_on_the_picture(name):
    case, variance = linear_case(6), 0.03
    dec = risk.decompose(case.jacobian, case.batch.image, case.prior(name).noisy(variance))
    exact = noisy_posterior(case.dense, covariance(name, case.shape), 0.2, variance)
    np.testing.assert_allclose(risk.pixel_variance(dec, 0.2).ravel(), np.diag(exact), rtol=1e-4)


def test_of_a_sketch_it_is_an_upper_bound():
    case = make_case(MLP(width=6, act="tanh"), (1, 8, 8), 1)
    prior = case.prior("natural")
    exact = np.diag(posterior(case.dense, covariance("natural", case.shape), 0.01)).reshape(1, 1, 8, 8)
    found = risk.pixel_variance(risk.sketch(case.jacobian, case.batch.image, prior, products=40), 0.01)
    assert (found >= exact * (1 - 1e-4)).all() and found.sum() > 1.01 * exact.sum()


def test_no_pixel_is_left_with_less_than_nothing(pair):
    dec = risk.decompose(pair.jacobian, pair.batch.image, pair.prior("white"))
    assert risk.pixel_variance(dec, 0.0).min() >= 0


def test_directions_are_pictures(pair):
    dec = risk.decompose(pair.jacobian, pair.batch.image, pair.prior("natural"))
    for index in (0, 3, dec.basis.shape[1] - 1):
        found, column = risk.direction(dec, index), dec.basis[:, index].astype(float)
        assert found.shape == (2, 3, 3, 4) and found.min() >= 0 and found.max() <= 1
        assert max(found.max() - 0.5, 0.5 - found.min()) == pytest.approx(0.5)
        np.testing.assert_allclose(found.ravel() - 0.5, 0.5 * column / np.abs(column).max(), atol=1e-12)
    for index in (-1, dec.basis.shape[1]):
        with pytest.raises(IndexError, match=f"direction {index} of {dec.basis.shape[1]}"):
            risk.direction(dec, index)


def test_a_direction_of_nothing_is_grey(pair):
    import dataclasses

    dec = risk.decompose(pair.jacobian, pair.batch.image, pair.prior("white"))
    blank = dataclasses.replace(dec, basis=np.zeros_like(dec.basis))
    assert (risk.direction(blank, 0) == 0.5).all()
