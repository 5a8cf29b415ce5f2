"""The decomposition against a dense SVD, and its way to disk and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from risk_cases import covariance, linear_case, root_of

from invviz.core.errors import StoreError
from invviz.core.types import Batch, Net
from invviz.models import MLP
from invviz.protocols.hfl import HFL
from invviz.risk import Cancelled, Decomposition, Jacobian, Prior, decompose, singular_values
from invviz.risk.decomposition import ARRAYS


def test_singular_values_are_those_of_the_dense_jacobian(spectrum):
    case, _, dec = spectrum
    exact = np.linalg.svd(case.dense, compute_uv=False)
    exact = np.concatenate([exact, np.zeros(dec.size - len(exact))]) if len(exact) < dec.size else exact
    np.testing.assert_allclose(dec.singular_values, exact, atol=dec.resolved)
    assert (np.diff(dec.singular_values) <= 0).all() and (np.diff(dec.gains) <= 0).all()


def test_gains_are_squared_singular_values_of_the_whitened_jacobian(spectrum):
    case, cov, dec = spectrum
    exact = np.linalg.svd(case.dense @ root_of(cov), compute_uv=False)[: dec.size] ** 2
    exact = np.concatenate([exact, np.zeros(dec.size - len(exact))])
    np.testing.assert_allclose(dec.gains, exact, rtol=1e-7, atol=1e-13 * exact[0])


def test_basis_spans_the_prior_and_holds_this_batch(spectrum):
    case, cov, dec = spectrum
    np.testing.assert_allclose(dec.basis @ dec.basis.T, cov, atol=1e-6 * cov.max())
    np.testing.assert_allclose(dec.mean + dec.basis @ dec.coefficients, case.batch.image.flatten().numpy(), atol=1e-5)
    np.testing.assert_allclose(dec.weights, (dec.basis.astype(float) ** 2).sum(0), rtol=1e-5)
    assert dec.weights.sum() == pytest.approx(np.trace(cov), rel=1e-10)
    assert dec.basis.dtype == np.float32


def test_message_sees_each_direction_with_its_gain(spectrum):
    case, _, dec = spectrum
    seen = case.dense @ dec.basis.astype(float)
    np.testing.assert_allclose(seen.T @ seen, np.diag(dec.gains), atol=3e-6 * dec.gains[0])


def test_tails_are_errors_of_the_first_k(spectrum):
    case, _, dec = spectrum
    x = case.batch.image.flatten().numpy() - 0.5
    for k in (0, 1, 5, dec.size // 2, dec.size):
        known = dec.basis[:, :k].astype(float) @ dec.coefficients[:k]
        assert dec.tails[k] == pytest.approx(((x - known) ** 2).sum(), rel=1e-4, abs=1e-7)


def test_facts(spectrum):
    case, _, dec = spectrum
    message = np.concatenate([leaf.numpy().ravel() for leaf in case.jacobian.message.values()])
    assert dec.message_norm == pytest.approx(np.linalg.norm(message))
    assert (dec.num_message, dec.size, dec.shape) == (*case.dense.shape, tuple(case.batch.image.shape))
    assert dec.method == "exact" and dec.seconds > 0 and 0 < dec.resolved < 1e-6 * dec.singular_values[0]


@pytest.mark.parametrize("name", ["white", "natural"])
def test_unseen_directions_have_no_gain_at_all(linear, name):
    dec = decompose(linear.jacobian, linear.batch.image, linear.prior(name))
    assert (dec.gains > 0).sum() == len(linear.dense)
    assert (dec.gains[len(linear.dense) :] == 0).all()


@pytest.mark.parametrize("name", ["white", "natural"])
def test_noise_of_single_precision_counts_as_unseen(name):
    """Twenty numbers tell at most twenty directions; rounding must not add any. The mixer is single, so float64 is out of reach."""
    torch.manual_seed(0)
    mixer = torch.randn(20, 64)
    release = lambda net, batch, rng: {"z": (mixer @ batch.image.flatten()).tanh()}  # noqa: E731
    image = torch.rand(1, 1, 8, 8)
    dec = decompose(Jacobian.of(release, Net.of(torch.nn.Flatten()), Batch.of(image, torch.tensor([0]))), image, Prior(name, (1, 8, 8)))
    assert (dec.gains > 0).sum() <= 20


def test_single_precision_agrees_with_double(lenet):
    net = Net.of(MLP(width=5).build((3, 8, 8), 4, 0))
    batch = Batch.of(lenet.batch.image.float(), lenet.batch.label)
    single = decompose(Jacobian.of(HFL().release, net, batch), batch.image, lenet.prior("natural"))
    net = Net.of(MLP(width=5).build((3, 8, 8), 4, 0).double())
    double = decompose(Jacobian.of(HFL().release, net, lenet.batch), lenet.batch.image, lenet.prior("natural"))
    np.testing.assert_allclose(single.gains, double.gains, rtol=1e-4, atol=1e-6 * double.gains[0])


def test_save_and_load(spectrum, tmp_path):
    _, _, dec = spectrum
    dec.save(tmp_path / "a" / "b")
    again = Decomposition.load(tmp_path / "a" / "b")
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(dec, name))
    assert isinstance(again.basis, np.memmap)
    for name in ("shape", "message_norm", "num_message", "prior", "resolved", "method", "seconds", "rest", "products", "quadrature"):
        assert getattr(again, name) == getattr(dec, name)


def test_load_refuses_what_it_cannot_trust(linear, tmp_path):
    dec = decompose(linear.jacobian, linear.batch.image, linear.prior("white"))
    with pytest.raises(StoreError, match="compute it again"):
        Decomposition.load(tmp_path / "nowhere")
    dec.save(tmp_path)
    np.save(tmp_path / "gains.npy", dec.gains[:-1])
    with pytest.raises(StoreError, match="shapes"):
        Decomposition.load(tmp_path)
    np.save(tmp_path / "gains.npy", np.array([{}] * dec.size), allow_pickle=True)  # the right shape, but it would run code
    with pytest.raises(StoreError):
        Decomposition.load(tmp_path)
    dec.save(tmp_path)
    facts = json.loads((tmp_path / "decomposition.json").read_text())
    (tmp_path / "decomposition.json").write_text(json.dumps({**facts, "surprise": 1}))
    with pytest.raises(StoreError):
        Decomposition.load(tmp_path)


def test_progress_and_cancel(linear):
    seen = []
    decompose(linear.jacobian, linear.batch.image, linear.prior("natural"), lambda done, total: not seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1] == (100, 100)
    for stop in (1, 99):
        with pytest.raises(Cancelled):
            decompose(linear.jacobian, linear.batch.image, linear.prior("white"), lambda done, total, stop=stop: done < stop)


def test_prior_of_another_shape_is_refused(linear):
    with pytest.raises(ValueError, match="the prior is for"):
        decompose(linear.jacobian, linear.batch.image, Prior("white", (1, 4, 4), 2))


def test_reference_covariance_is_the_priors(lenet):
    np.testing.assert_allclose(lenet.prior("natural").dense(), covariance("natural", lenet.shape), atol=1e-13)


@pytest.mark.parametrize("name", ["white", "natural", "dataset"])
@pytest.mark.parametrize(("rows", "kept"), [(1, 1), (7, 7), (8, 16), (30, 16)])
def test_short_messages_keep_as_many_directions_as_numbers(name, rows, kept):
    """Through the rows below half as many numbers as inputs, through the Gram matrix from there on: the same figures."""
    case = linear_case(rows)
    cov = covariance(name, case.shape)
    dec = decompose(case.jacobian, case.batch.image, case.prior(name))
    assert dec.basis.shape == (16, kept) and len(dec.gains) == len(dec.singular_values) == len(dec.weights) == len(dec.coefficients) == kept
    assert dec.tails.shape == (kept + 1,) and dec.products == min(rows, 16)
    assert (dec.gains > 0).sum() == min(rows, 16)
    values = np.linalg.svd(case.dense, compute_uv=False)
    np.testing.assert_allclose(dec.singular_values[: len(values)], values, rtol=1e-9)
    gains = np.linalg.svd(case.dense @ root_of(cov), compute_uv=False) ** 2
    np.testing.assert_allclose(dec.gains[: len(gains)], gains, rtol=1e-5 if name == "dataset" else 1e-8)
    seen = np.linalg.svd(case.dense @ root_of(cov), full_matrices=False)[2]
    if kept == rows:
        assert dec.rest == pytest.approx(np.trace(cov) - np.trace(seen @ cov @ seen.T), rel=1e-5)
    assert dec.trace == pytest.approx(np.trace(cov), rel=1e-7)
    x = case.batch.image.flatten().numpy() - dec.mean
    for k in (0, kept // 2, kept):
        assert dec.tails[k] == pytest.approx(((x - dec.basis[:, :k].astype(float) @ dec.coefficients[:k]) ** 2).sum(), rel=1e-4, abs=1e-7)


def test_rows_keep_the_small_values_that_a_gram_matrix_loses():
    rng = np.random.default_rng(0)
    values = 10.0 ** -np.arange(0, 12, 2)
    a = torch.from_numpy(np.linalg.qr(rng.standard_normal((6, 6)))[0] * values @ np.linalg.qr(rng.standard_normal((16, 6)))[0].T)
    data = linear_case().batch
    jacobian = Jacobian.of(lambda net, batch, rng: {"z": a @ batch.image.flatten()}, None, data)
    dec = decompose(jacobian, data.image, Prior("white", (1, 4, 4)))
    np.testing.assert_allclose(dec.singular_values, values, rtol=1e-4)
    assert (dec.gains > 0).all()
    assert (np.sqrt(dec.gains) == pytest.approx(0.25 * values, rel=1e-4)) and dec.resolved < 1e-12


def test_singular_values_alone(lenet):
    values, level = singular_values(lenet.jacobian)
    np.testing.assert_allclose(values, np.linalg.svd(lenet.dense, compute_uv=False), atol=level)
    assert level < 1e-6 * values[0]


def test_variances_are_those_of_the_clean_picture(linear):
    for name in ("white", "natural", "dataset"):
        exact = np.diag(covariance(name, linear.shape))
        for prior in (linear.prior(name), linear.prior(name).noisy(0.1)):
            np.testing.assert_allclose(decompose(linear.jacobian, linear.batch.image, prior).variances, exact, rtol=1e-6)
