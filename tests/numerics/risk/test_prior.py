"""Priors against covariances written down from their definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from risk_cases import covariance, make_prior, principal, public_pictures

from invviz.core.errors import KnobError
from invviz.risk import Components, Prior
from invviz.risk import prior as prior_module

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
    with pytest.raises(KnobError, match="white, natural, dataset"):
        Prior("pink", (1, 2, 2))


NOISY = [
    (name, shape, batch, v)
    for name in ("white", "natural", "dataset")
    for shape, batch in (((1, 4, 5), 2), ((3, 3, 4), 1))
    for v in (0.0, 0.02)
]


@pytest.fixture(params=NOISY, ids=str)
def noisy(request):
    """(prior, covariance of the clean picture, covariance of what is released, variance of the input noise)."""
    name, shape, batch, variance = request.param
    clean = covariance(name, shape, batch)
    prior = make_prior(name, shape, batch)
    return prior.noisy(variance) if variance else prior, clean, clean + variance * np.eye(len(clean)), variance


def power(cov, exponent):
    values, vectors = np.linalg.eigh(cov)
    return (vectors * values**exponent) @ vectors.T


def test_every_operator_against_the_dense_covariance(noisy):
    prior, clean, cov, variance = noisy
    x = np.random.default_rng(0).standard_normal((2, 3, prior.size))  # more than one leading dimension
    close = {"rtol": 1e-6, "atol": 1e-6 if prior.name == "dataset" else 1e-9}  # scikit-learn's components are found at random
    np.testing.assert_allclose(prior.dense(), cov, **close)
    np.testing.assert_allclose(prior.apply(x, lambda v: v**3), x @ cov @ cov @ cov, **close)
    np.testing.assert_allclose(prior.sqrt_apply(x), x @ power(cov, 0.5), **close)
    np.testing.assert_allclose(prior.inv_sqrt_apply(x), x @ power(cov, -0.5), **close)
    np.testing.assert_allclose(prior.denoise(x), x @ np.linalg.inv(cov) @ clean, **close)
    np.testing.assert_allclose(prior.probe(x), x @ power(cov, -0.5) @ clean, **close)
    assert prior.input_noise == variance


def test_every_sum_against_the_dense_covariance(noisy):
    prior, clean, cov, _ = noisy
    assert prior.trace == pytest.approx(np.trace(cov), rel=1e-9)
    assert prior.precision_trace == pytest.approx(np.trace(np.linalg.inv(cov)), rel=1e-7)
    assert prior.learnable == pytest.approx(np.trace(clean @ np.linalg.inv(cov) @ clean), rel=1e-9)
    np.testing.assert_allclose(prior.diagonal, np.diag(cov), rtol=1e-7)


def test_single_precision_of_every_prior(noisy):
    prior, _, cov, _ = noisy
    x = np.random.default_rng(0).standard_normal((2, prior.size))
    single = prior.inv_sqrt_apply(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, x @ power(cov, -0.5), atol=1e-3 * np.abs(single).max())


def test_noise_adds_up():
    prior = Prior("natural", (1, 3, 3)).noisy(0.01).noisy(0.02)
    assert prior.input_noise == pytest.approx(0.03)
    assert prior.trace == pytest.approx(9 * (0.0625 + 0.03))


@pytest.mark.parametrize(("shape", "count", "kept"), [((1, 4, 4), 200, 6), ((1, 4, 4), 200, 256), ((3, 4, 4), 30, 4), ((3, 4, 4), 30, 256)])
def test_components_are_those_of_a_full_decomposition(shape, count, kept, monkeypatch):
    """With more and with fewer pictures than pixels."""
    monkeypatch.setattr(prior_module, "COMPONENTS", kept)
    pictures = public_pictures(shape, count)
    prior = Prior("dataset", shape, 2, Components.fit(pictures))
    mean, cov = principal(pictures, min(kept, (count - 1) // 2, int(np.prod(shape)) - 1))
    np.testing.assert_allclose(prior.mean, np.tile(mean, 2), atol=1e-12)
    np.testing.assert_allclose(prior.dense(), np.kron(np.eye(2), cov), atol=1e-6)  # the components are found at random
    assert prior.components.directions.shape == (len(mean), min(kept, (count - 1) // 2, len(mean) - 1))
    if kept < 10:
        total = ((pictures.reshape(count, -1) - mean) ** 2).sum() / (count - 1)
        assert prior.trace == pytest.approx(2 * total, rel=1e-3), "to guess the mean costs what the pictures vary"


def test_no_direction_is_known_better_than_one_grey_level():
    pictures = np.repeat(np.linspace(0, 1, 6)[:, None], 16, axis=1).reshape(6, 1, 4, 4)  # one direction and nothing else
    prior = Prior("dataset", (1, 4, 4), 1, Components.fit(pictures))
    values = np.linalg.eigvalsh(prior.dense())
    np.testing.assert_allclose(values[:-1], 1 / 255**2, rtol=1e-6)
    assert values[-1] == pytest.approx(16 * np.var(np.linspace(0, 1, 6), ddof=1))


def test_draws_of_the_dataset_prior():
    prior = make_prior("dataset", (1, 3, 3), 2).noisy(0.01)
    draws, cov = prior.draw(20_000, np.random.default_rng(0)), prior.dense()
    scale = np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    assert (np.abs(np.cov(draws.T) - cov) / scale).max() < 5 * 2**0.5 / 140
    assert (np.abs(draws.mean(0) - prior.mean) / np.sqrt(np.diag(cov))).max() < 5 / 140


def test_what_the_dataset_prior_needs():
    with pytest.raises(KnobError, match="components of public pictures"):
        Prior("dataset", (1, 4, 4))
    with pytest.raises(KnobError, match="components of public pictures"):
        Prior("white", (1, 4, 4), 1, Components.fit(public_pictures((1, 4, 4))))
    for count in (0, 1):
        with pytest.raises(KnobError, match=f"at least 2 public pictures; this data set has {count}.*prior='natural'"):
            Components.fit(np.zeros((count, 1, 4, 4)))
