"""Priors against covariances written down from their definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from risk_cases import covariance

from invviz.core.errors import KnobError
from invviz.risk import Prior

SHAPES = [("white", (3, 6, 5), 1), ("natural", (3, 6, 5), 1), ("natural", (1, 8, 8), 1), ("natural", (3, 4, 4), 2)]


@pytest.fixture(params=SHAPES, ids=str)
def both(request):
    """(prior, its covariance)."""
    return Prior(*request.param), covariance(*request.param)


def test_dense_and_traces(both):
    prior, cov = both
    np.testing.assert_allclose(prior.dense(), cov, atol=1e-13)
    assert prior.trace == pytest.approx(np.trace(cov), rel=1e-12)
    assert np.diag(cov).mean() == pytest.approx(0.25**2)
    assert prior.precision_trace == pytest.approx(np.trace(np.linalg.inv(cov)), rel=1e-9)
    assert prior.size == len(cov) and (prior.mean == 0.5).all()


def test_roots(both):
    prior, cov = both
    root = prior.sqrt_apply(np.eye(prior.size))
    np.testing.assert_allclose(root, root.T, atol=1e-13)
    np.testing.assert_allclose(root @ root, cov, atol=1e-13)
    np.testing.assert_allclose(prior.inv_sqrt_apply(root), np.eye(prior.size), atol=1e-11)
    vector = np.random.default_rng(0).standard_normal(prior.size)
    np.testing.assert_allclose(prior.sqrt_apply(vector), root @ vector, atol=1e-12)


def test_torch_and_single_precision(both):
    prior, _ = both
    x = np.random.default_rng(0).standard_normal((2, prior.size))
    expected = prior.sqrt_apply(x)
    result = prior.sqrt_apply(torch.from_numpy(x))
    assert result.dtype == torch.float64
    np.testing.assert_array_equal(result.numpy(), expected)
    single = prior.sqrt_apply(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=1e-5)


def test_natural_channels_correlate_and_samples_do_not():
    cov = Prior("natural", (3, 4, 4), 2).dense()
    std = np.sqrt(np.diag(cov))
    blocks = (cov / np.outer(std, std)).reshape(2, 3, 16, 2, 3, 16)
    pixels = np.arange(16)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        np.testing.assert_allclose(blocks[0, first, pixels, 0, second, pixels], 0.9, atol=1e-12)
    assert np.abs(blocks[0, :, :, 1]).max() < 1e-14


def test_natural_is_a_stationary_field_folded_at_its_mirrors():
    """Sum a stationary field on the doubled torus over its mirror images: the same covariance, with no cosine transform in it."""
    h, w = 4, 6
    k = np.minimum(np.arange(2 * h), 2 * h - np.arange(2 * h))[:, None]
    m = np.minimum(np.arange(2 * w), 2 * w - np.arange(2 * w))[None, :]
    power = 1 / (1.0 + k**2 + m**2)
    power[k[:, 0] == h] = power[:, m[0] == w] = 0  # the transform has no wave of the Nyquist frequency
    kernel = np.fft.ifft2(power).real
    cov = np.zeros((h, w, h, w))
    for i, j, y, x in np.ndindex(cov.shape):
        cov[i, j, y, x] = sum(kernel[a % (2 * h), b % (2 * w)] for a in (i - y, i + y + 1) for b in (j - x, j + x + 1))
    cov = cov.reshape(h * w, h * w)
    np.testing.assert_allclose(Prior("natural", (1, h, w)).dense(), cov * 0.25**2 * h * w / np.trace(cov), atol=1e-13)


def test_draws_follow_the_law():
    prior = Prior("natural", (2, 3, 3))
    draws = prior.draw(40_000, np.random.default_rng(0))
    scale = np.sqrt(np.outer(np.diag(prior.dense()), np.diag(prior.dense())))
    assert np.abs(draws.mean(0) - 0.5).max() < 5 * 0.35 / 200
    assert (np.abs(np.cov(draws.T) - prior.dense()) / scale).max() < 5 * 2**0.5 / 200


def test_unknown_name_lists_the_known():
    with pytest.raises(KnobError, match="white, natural"):
        Prior("pink", (1, 2, 2))
