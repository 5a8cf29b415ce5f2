"""Noise with a covariance of its own against NumPy: the singular directions, draws, whitening, and what the ideal attacker makes of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from risk_cases import CASES, covariance, linear_case, make_case, posterior, root_of

from invviz.core.rng import stream
from invviz.core.tree import flatten, unflatten
from invviz.core.types import Batch, Net
from invviz.models import LeNet
from invviz.protocols.hfl import HFL
from invviz.risk import Banded, Diagonal, Directions, Jacobian, Prior, decompose, invloss, invre, noise_covariance, trust

SIGMA = 1e-3
DRAWS = 4_000


@pytest.fixture(scope="module")
def lenet():
    return make_case(*CASES["lenet_1"])


@pytest.fixture(scope="module")
def directions(lenet):
    return Directions.of(lenet.jacobian)


def left(case):
    """U, s, V of the dense Jacobian by NumPy."""
    u, s, vt = np.linalg.svd(case.dense, full_matrices=False)
    return u, s, vt.T


def uneven(count, first=4, last=30):
    """Variances between SIGMA^2 / 4 and 40 SIGMA^2 on a band, in no order."""
    variances = torch.zeros(count, dtype=torch.float64)
    variances[first:last] = SIGMA**2 * (0.25 + 40 * torch.rand(last - first, generator=stream(0, "a"), dtype=torch.float64))
    return variances


def dense_sigma(case, noise):
    """The covariance as a matrix, from NumPy's own singular vectors."""
    if isinstance(noise, Diagonal):
        return np.diag(flatten(noise.variances).numpy())
    u = left(case)[0]
    return u @ np.diag(noise.variances.numpy()[: u.shape[1]]) @ u.T


def inverse_root(case, noise, sigma=SIGMA):
    """(I + Sigma / sigma^2)^-1/2."""
    return np.linalg.inv(root_of(np.eye(len(case.dense)) + dense_sigma(case, noise) / sigma**2))


@pytest.fixture(scope="module", params=["banded", "diagonal"])
def noise(request, lenet, directions):
    if request.param == "banded":
        return Banded(directions, uneven(len(directions.values)))
    flat = SIGMA**2 * 30 * torch.rand(len(lenet.dense), generator=stream(1, "a"), dtype=torch.float64) ** 4
    return Diagonal(unflatten(flat, lenet.jacobian.message))


# ---------------------------------------------------------------- directions


@pytest.mark.parametrize("rows", [3, 10])  # 3 of 16: by its rows; 10: by its Gram matrix
def test_directions_of_short_messages(rows):
    case = linear_case(rows=rows)
    found = Directions.of(case.jacobian)
    assert found.values.shape == found.right.shape[1:] and len(found.right) == 16
    exact = np.linalg.svd(case.dense, compute_uv=False)
    np.testing.assert_allclose(found.values[:rows], exact, rtol=1e-6)
    assert bool((found.values[rows:] == 0).all()), "what rounding leaves is no direction"
    kept = found.right[:, :rows].numpy()
    np.testing.assert_allclose(kept.T @ kept, np.eye(rows), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(case.dense @ kept, axis=0), exact, rtol=1e-6)


def test_directions_of_a_gradient(lenet, directions):
    u, s, _ = left(lenet)
    clear = s > 1e-4 * s[0]
    np.testing.assert_allclose(directions.values[clear], s[clear], rtol=1e-7)
    found = lenet.dense @ directions.right.numpy()[:, clear] / directions.values.numpy()[clear]
    np.testing.assert_allclose(np.abs(np.diag(found.T @ u[:, clear])), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "places"),
    [
        (0.6, 0.95, [1, 2, 3]),  # shares .5 .75 .875 .9375 .96875 ...: reached at place 1, reached at place 4
        (0.0, 0.5, [0]),  # place 0 reaches both, and there is at least one
        (0.5, 0.75, [0]),
        (0.6, 0.875, [1]),
        (0.8, 0.81, [2]),
        (0.0, 1.0, [0, 1, 2, 3, 4, 5, 6]),
        (0.99, 1.0, [6]),  # .984375 at place 5, .9921875 at place 6, 1 at place 7
        (1.0, 1.0, [7]),
    ],
)
def test_the_band_by_counting(low, high, places):
    values = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.25, 0.125, 0.0625, 0.0625, 0.0, 0.0], dtype=torch.float64)
    found = Directions(None, values, torch.eye(10)).band(low, high)
    assert list(range(found.start, found.stop)) == places


def test_the_band_of_nothing_carries_no_noise():
    found = Directions(None, torch.zeros(4, dtype=torch.float64), torch.eye(4))
    assert Banded(found, torch.ones(4)).energy == 0


# ---------------------------------------------------------------- draws


@pytest.mark.parametrize("law", noise_covariance.LAWS)
def test_draws_have_this_covariance(law):
    case = linear_case(rows=10)
    found = Directions.of(case.jacobian)
    variances = torch.tensor([0.0, 0.0, 4.0, 1.0, 0.25, 9.0, 0.0, 1.0, 0.0, 0.0] + [7.0] * 6, dtype=torch.float64)
    noise = Banded(found, variances)
    rng = stream(0, "draws")
    drawn = np.stack([flatten(noise.draw(rng, law)).numpy() for _ in range(DRAWS)])
    u, a = left(case)[0], variances.numpy()[:10]
    along = drawn @ u
    assert np.abs(along[:, a == 0]).max() < 1e-9, "nothing beside the directions"
    cov = along.T @ along / DRAWS
    kurtosis = 6 if law == "laplace" else 3
    spread = np.sqrt(np.outer(a, a) / DRAWS) * np.where(np.eye(10), np.sqrt(kurtosis - 1), 1)
    assert (np.abs(cov - np.diag(a)) <= 4.5 * spread + 1e-12).all()
    assert float((along[:, 5] ** 4).mean() / 81) == pytest.approx(kurtosis, rel=0.3)
    assert noise.energy == pytest.approx(a.sum())
    assert np.trace(cov) == pytest.approx(a.sum(), rel=0.08)


@pytest.mark.parametrize("law", noise_covariance.LAWS)
def test_diagonal_draws(law):
    variances = torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64).repeat_interleave(20_000).view(3, 20_000)
    noise = Diagonal({"a": variances[:2], "b": variances[2]})
    drawn = flatten(noise.draw(stream(0, "draws"), law)).view(3, -1)
    assert drawn.var(1).tolist() == pytest.approx([0, 1, 4], rel=0.06)
    assert noise.energy == pytest.approx(100_000)


def test_unit_noise_is_finite_at_its_ends(monkeypatch):
    for ends in (torch.zeros(3), torch.full((3,), 1 - 2.0**-24)):
        monkeypatch.setattr(noise_covariance, "rand_like", lambda leaf, rng, ends=ends: ends)
        drawn = noise_covariance.unit_noise(torch.zeros(3), None, "laplace")
        assert bool(torch.isfinite(drawn).all()) and float(drawn.abs().min()) > 8


def test_moved_directions_go_through_the_other_jacobian(lenet, directions):
    """A draw with the same amounts c: J' V c / s instead of J V c / s, of the length that they state."""
    other = make_case(LeNet(width=2), (1, 8, 8), 1)
    shift = {k: p + 0.05 * torch.randn(p.shape, generator=stream(3, k), dtype=p.dtype) for k, p in other.net.params.items()}
    there = Jacobian.of(other.release, Net(other.net.module, shift), lenet.batch)
    variances = uneven(len(directions.values))
    drawn, stale = (flatten(Banded(d, variances).draw(stream(4, "draw"))).numpy() for d in (directions, directions.move(there)))
    right, values = directions.right.numpy()[:, 4:30], directions.values.numpy()[4:30]
    amounts = (lenet.dense @ right / values).T @ drawn
    moved = there.dense().numpy() @ right @ (amounts / values)
    expected = moved * np.linalg.norm(amounts) / np.linalg.norm(moved)
    np.testing.assert_allclose(stale, expected, atol=1e-6 * np.abs(stale).max())
    assert np.linalg.norm(stale) == pytest.approx(np.linalg.norm(drawn), rel=1e-6)


# ---------------------------------------------------------------- whitening


def test_whitening_against_the_dense_inverse_root(lenet, noise):
    message = torch.randn(len(lenet.dense), generator=stream(2, "m"), dtype=torch.float64)
    found = flatten(noise.whiten(unflatten(message, lenet.jacobian.message), SIGMA)).numpy()
    expected = inverse_root(lenet, noise) @ message.numpy()
    np.testing.assert_allclose(found, expected, atol=1e-8 * np.abs(expected).max())


def test_whitened_noise_is_isotropic(lenet, noise):
    w = inverse_root(lenet, noise)
    np.testing.assert_allclose(w @ (dense_sigma(lenet, noise) + SIGMA**2 * np.eye(len(w))) @ w.T, SIGMA**2 * np.eye(len(w)), atol=1e-9)


def test_whitening_in_single_precision():
    """Message, Jacobian and net in float32, against the float64 matrix."""
    case = make_case(*CASES["lenet_1"])
    net = Net.of(LeNet(width=2).build((1, 8, 8), 4, 3))
    single = Jacobian.of(case.release, net, Batch.of(case.batch.image.float(), case.batch.label))
    found = Directions.of(single)
    noise = Banded(found, uneven(64, last=16))
    message = torch.randn(len(case.dense), generator=stream(2, "m"))
    white = flatten(noise.whiten(unflatten(message, single.message), SIGMA))
    expected = inverse_root(case, noise) @ message.double().numpy()
    assert white.dtype == torch.float32
    np.testing.assert_allclose(white, expected, atol=3e-4 * np.abs(expected).max())
    drawn = flatten(noise.draw(stream(0, "draw")))
    u = left(case)[0][:, 4:16]
    assert drawn.dtype == torch.float32 and float(torch.from_numpy(u @ (u.T @ drawn.double().numpy())).norm() / drawn.norm()) > 0.9999


def test_whitening_is_differentiable_in_the_message(lenet, noise):
    w = torch.from_numpy(inverse_root(lenet, noise))
    like = lenet.jacobian.message
    flat = lambda m: flatten(noise.whiten(unflatten(m, like), SIGMA))  # noqa: E731
    m, v = (torch.randn(len(w), generator=stream(i, "m"), dtype=torch.float64) for i in (1, 2))
    room = 1e-7 * float((w @ v).abs().max())
    assert torch.allclose(torch.func.jvp(flat, (m,), (v,))[1], w @ v, atol=room)
    assert torch.allclose(torch.func.vjp(flat, m)[1](v)[0], w.T @ v, atol=room)
    both = torch.stack([m, v])
    assert torch.allclose(torch.func.vmap(flat)(both), both @ w.T, atol=10 * room)
    m.requires_grad_()
    grad = torch.autograd.grad(flat(m).square().sum(), m, create_graph=True)[0]
    assert torch.allclose(grad, 2 * w.T @ (w @ m), atol=100 * room)
    again = torch.autograd.grad((grad * v).sum(), m)[0]
    assert torch.allclose(again, 2 * w.T @ (w @ v), atol=100 * room)


# ---------------------------------------------------------------- risk


@pytest.mark.parametrize("name", ["white", "natural"])
@pytest.mark.parametrize("sigma", [1e-4, SIGMA])
def test_invloss_with_this_noise_against_the_dense_posterior(lenet, noise, name, sigma):
    """Sigma does not follow from sigma here: both noises are fixed, and T1 is written down with their sum."""
    cov, total = covariance(name, lenet.shape), dense_sigma(lenet, noise) + sigma**2 * np.eye(len(lenet.dense))
    expected = np.trace(np.linalg.inv(np.linalg.inv(cov) + lenet.dense.T @ np.linalg.solve(total, lenet.dense)))
    dec = decompose(noise.seen_through(lenet.jacobian, sigma), lenet.batch.image, lenet.prior(name))
    assert invloss(dec, sigma) == pytest.approx(expected, rel=1e-5)
    assert invre(dec, sigma) == pytest.approx(1 - expected / np.trace(cov), abs=1e-6)
    assert expected > 1.02 * np.trace(posterior(lenet.dense, cov, sigma)), "the noise is felt at all"


def test_the_shaped_jacobian_is_that_of_its_products(lenet, noise):
    seen = noise.seen_through(lenet.jacobian, SIGMA)
    expected = inverse_root(lenet, noise) @ lenet.dense
    room = 1e-8 * np.abs(expected).max()
    np.testing.assert_allclose(seen.dense(), expected, atol=room)
    np.testing.assert_allclose(seen.gram(), expected.T @ expected, atol=1e-8 * np.abs(expected.T @ expected).max())
    v = torch.randn(64, generator=stream(0, "v"), dtype=torch.float64)
    np.testing.assert_allclose(seen.matvec(v), expected @ v.numpy(), atol=100 * room)
    np.testing.assert_allclose(seen.normal(v[None])[0], expected.T @ (expected @ v.numpy()), rtol=1e-6, atol=1e-6)


def test_a_message_of_few_numbers_is_scored_too():
    case = linear_case(rows=5)
    noise = Banded(Directions.of(case.jacobian), torch.tensor([0.0, 3.0, 1.0, 0.5, 0.0], dtype=torch.float64))
    total = dense_sigma(case, noise) + np.eye(5)
    expected = np.trace(np.linalg.inv(16 * np.eye(16) + case.dense.T @ np.linalg.solve(total, case.dense)))
    dec = decompose(noise.seen_through(case.jacobian, 1.0), case.batch.image, case.prior("white"))
    assert invloss(dec, 1.0) == pytest.approx(expected, rel=1e-9)


def test_single_precision_is_scored_as_double():
    case = make_case(LeNet(width=2), (1, 8, 8), 1)
    scores = []
    for net, image in (
        (case.net, case.batch.image),
        (Net.of(LeNet(width=2).build((1, 8, 8), 4, 3)), case.batch.image.float()),
    ):
        jacobian = Jacobian.of(HFL().release, net, Batch.of(image, case.batch.label))
        noise = Banded(Directions.of(jacobian), uneven(64))
        scores.append(invre(decompose(noise.seen_through(jacobian, 0.01), image, Prior("natural", (1, 8, 8))), 0.01))
    assert scores[1] == pytest.approx(scores[0], abs=1e-4)


def test_curvature_is_measured_through_the_same_matrix(lenet, noise):
    """The whitening matrix stays while the picture moves: the bend of W G, not that of G nor 0."""
    seen = noise.seen_through(lenet.jacobian, SIGMA)
    there = dataclasses.replace(seen, batch=Batch.of(lenet.batch.image + 0.1, lenet.batch.label))
    v = torch.randn(64, generator=stream(0, "v"), dtype=torch.float64)
    moved = Jacobian.of(lenet.release, lenet.net, there.batch).matvec(v).numpy()
    np.testing.assert_allclose(there.matvec(v), inverse_root(lenet, noise) @ moved, rtol=1e-6, atol=1e-9)
    dec = decompose(seen, lenet.batch.image, lenet.prior("white"))
    assert trust(seen, lenet.prior("white"), dec).bend > 0
