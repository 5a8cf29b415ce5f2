"""Krylov spaces, quadrature rules and the sketch against dense eigendecompositions, conjugate gradients and statistics."""

from __future__ import annotations

import dataclasses
import importlib

import numpy as np
import pytest
import torch
from risk_cases import CASES, covariance, linear_case, make_case, make_prior, noisy_posterior, picture, posterior, root_of
from scipy.sparse.linalg import LinearOperator, cg, svds

from invviz import risk
from invviz.core.types import Batch
from invviz.risk import Cancelled, Decomposition, Jacobian, Prior, decompose, sketch
from invviz.risk._krylov import Krylov

sketch_module = importlib.import_module("invviz.risk.sketch")
SHAPE, SIZE = (1, 15, 20), 300


class Dense:
    """A linear release with a matrix in hand: all that a sketch asks of a Jacobian, without automatic differentiation."""

    precise, work, sharp = True, 1e12, None

    def __init__(self, matrix, x):
        self.matrix, self.shape = matrix, matrix.shape
        self.gram = torch.from_numpy(matrix.T @ matrix)
        self.point = x.flatten()
        self.message = {"z": torch.from_numpy(matrix @ x.flatten().numpy())}

    def normal(self, vectors):
        return vectors @ self.gram

    def rmatvec(self, u):
        return torch.from_numpy(self.matrix.T).to(u) @ u


def chosen(spectrum, rows=SIZE, seed=0):
    """A matrix of the given singular values between random directions, and a picture."""
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.standard_normal((side, len(spectrum))))[0] for side in (rows, SIZE))
    return Dense(left * spectrum @ right.T, picture(SHAPE, 1)), picture(SHAPE, 1)


# Krylov spaces and their rules


@pytest.fixture
def small():
    """A symmetric matrix of size 40 with a falling spectrum, three vectors, and their form b^T (M + s^2)^-1 b for a few s."""
    rng = np.random.default_rng(1)
    q = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    matrix = q * 0.6 ** np.arange(40) @ q.T
    return matrix, rng.standard_normal((40, 3))


def form(space, rule, start, sigma):
    """B^T (M + sigma^2)^-1 B, (3, 3), by a rule."""
    nodes, vectors = rule
    own = vectors.T @ (space.known.T @ start)
    return own.T @ (own / (nodes + sigma**2)[:, None])


@pytest.mark.parametrize("sigma", [0.03, 0.3])
def test_the_two_rules_close_in_from_both_sides(small, sigma):
    matrix, start = small
    exact = start.T @ np.linalg.solve(matrix + sigma**2 * np.eye(40), start)
    space, widths = Krylov(lambda b: matrix @ b, start), []
    for blocks in range(1, 14):
        space.grow()
        assert space.products == 3 * blocks == space.ready
        low, high = form(space, space.ritz(), start, sigma), form(space, space.radau(), start, sigma)
        for below, above in ((low, exact), *(((exact, high),) if blocks > 1 else ())):  # as matrices, so for every combination of vectors
            assert np.linalg.eigvalsh(above - below).min() > -1e-9 * np.trace(exact)
        widths.append(np.trace(high - low))
    assert widths[1] > 3 * widths[4] > 9 * widths[7] and widths[-1] < 1e-3 * np.trace(exact)
    assert widths[1] > 1e-2 * np.trace(exact), "the test has something to bracket"


def test_a_space_spans_what_it_says(small):
    matrix, start = small
    space = Krylov(lambda b: matrix @ b, start)
    for _ in range(4):
        space.grow()
    np.testing.assert_allclose(space.known.T @ space.known, np.eye(12), atol=1e-12)
    np.testing.assert_allclose(space.known.T @ matrix @ space.known, space.matrix, atol=1e-12)
    powers = np.hstack([np.linalg.matrix_power(matrix, k) @ start for k in range(4)])
    outside = powers - space.known @ (space.known.T @ powers)
    assert np.abs(outside).max() < 1e-9 * np.abs(powers).max()


@pytest.mark.parametrize("rank", [0, 1, 5, 40])
def test_a_space_that_is_exhausted_stops_and_is_exact(rank):
    rng = np.random.default_rng(2)
    q = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    values = np.where(np.arange(40) < rank, 0.8 ** np.arange(40), 0.0)
    matrix, start = q * values @ q.T, rng.standard_normal((40, 3))
    space = Krylov(lambda b: matrix @ b, start)
    for _ in range(30):
        space.grow()
    assert space.exhausted and space.ready <= min(40, 3 * rank + 3) and space.products <= 45
    exact = start.T @ np.linalg.solve(matrix + 0.01 * np.eye(40), start)
    for rule in (space.ritz(), space.radau()):
        np.testing.assert_allclose(form(space, rule, start, 0.1), exact, atol=1e-8 * np.trace(exact))
    if rank:
        np.testing.assert_allclose(np.sort(space.ritz()[0])[-rank:], values[:rank][::-1], rtol=1e-9)


# The sketch


@pytest.mark.parametrize("prior", ["white", "natural", "dataset"])
@pytest.mark.parametrize("name", ["mlp_1", "lenet_1", "lenet_batch"])
def test_a_space_that_holds_everything_gives_the_exact_figures(name, prior, monkeypatch):
    monkeypatch.setattr(sketch_module, "SHARP", -1.0)  # go on to the end
    case = make_case(*CASES[name])
    size = len(case.batch.image)
    exact = decompose(case.jacobian, case.batch.image, case.prior(prior))
    found = sketch(case.jacobian, case.batch.image, case.prior(prior), products=3 * exact.size)
    assert found.method == "sketch" and found.trace == pytest.approx(exact.trace, rel=1e-9)
    assert (found.message_norm, found.num_message, found.shape) == (exact.message_norm, exact.num_message, exact.shape)
    for sigma in (1e-3, 1e-2, 0.3):
        truth = np.trace(posterior(case.dense, covariance(prior, case.shape, size), sigma))
        assert risk.invloss(found, sigma) == pytest.approx(truth, rel=1e-5)
        low, high = risk.invloss_interval(found, sigma)
        assert low * (1 - 1e-5) <= truth <= high * (1 + 1e-5) and high - low < 1e-5 * exact.trace
        assert risk.invloss_bound(found, sigma) == pytest.approx(risk.invloss_bound(exact, sigma), rel=1e-4)
        assert risk.k_star(found, sigma) <= risk.k_star(exact, sigma)
        if name == "mlp_1":  # equal singular values: the space holds a few of their directions, and the probes tell of the others
            continue
        assert risk.k_star(found, sigma) == risk.k_star(exact, sigma)
        assert risk.invloss_bound_here(found, sigma) == pytest.approx(risk.invloss_bound_here(exact, sigma), rel=1e-3)
        np.testing.assert_allclose(risk.pixel_variance(found, sigma), risk.pixel_variance(exact, sigma), rtol=1e-3, atol=1e-7)
    if name != "mlp_1" and prior == "white":
        many = exact.singular_values > 1e-4 * exact.singular_values[0]
        np.testing.assert_allclose(found.singular_values[: many.sum()], exact.singular_values[many], rtol=1e-6)


@pytest.mark.parametrize("prior", ["white", "natural", "dataset"])
def test_ritz_values_lie_below_one_by_one(prior):
    case = make_case(*CASES["lenet_3"])
    exact = decompose(case.jacobian, case.batch.image, case.prior(prior))
    for products in (13, 21, 70):
        found = sketch(case.jacobian, case.batch.image, case.prior(prior), products=products)
        k = len(found.gains)
        assert found.products <= products and k < exact.size and found.basis.shape == (exact.size, k)
        assert (found.gains <= exact.gains[:k] * (1 + 1e-9) + 1e-14).all()
        assert (found.singular_values <= exact.singular_values[: len(found.singular_values)] * (1 + 1e-9) + 1e-14).all()
        assert (np.diff(found.gains) <= 0).all() and (np.diff(found.singular_values) <= 0).all()
    assert found.gains[0] == pytest.approx(exact.gains[0], rel=1e-6)


def test_leading_singular_values_are_those_of_scipy():
    case = make_case(*CASES["lenet_3"])
    found = sketch(case.jacobian, case.batch.image, case.prior("white"), products=150)
    by_scipy = svds(case.jacobian.linear_operator(), k=4, return_singular_vectors=False, random_state=0)
    np.testing.assert_allclose(found.singular_values[:4], np.sort(by_scipy)[::-1], rtol=1e-5)


def test_directions_are_seen_with_their_gains():
    """J basis has the Gram matrix diag(gains), and the basis holds this batch: the picture lies in the first space."""
    case = make_case(*CASES["lenet_3"])
    found = sketch(case.jacobian, case.batch.image, case.prior("natural"), products=60)
    seen = case.dense @ found.basis.astype(float)
    np.testing.assert_allclose(seen.T @ seen, np.diag(found.gains), atol=3e-6 * found.gains[0])
    x = case.batch.image.flatten().numpy() - 0.5
    for k in (0, 3, len(found.gains)):
        assert found.tails[k] == pytest.approx(
            ((x - found.basis[:, :k].astype(float) @ found.coefficients[:k]) ** 2).sum(), rel=1e-4, abs=1e-6
        )


SPECTRUM = 2.0 * 0.97 ** np.arange(SIZE)


@pytest.mark.parametrize("prior", ["white", "natural"])
def test_the_estimate_is_unbiased_and_its_interval_keeps_its_word(prior):
    """Sixty seeds; at a noise level at which the quadrature is sharp, so that chance is all that is left."""
    jacobian, x = chosen(SPECTRUM)
    law, sigma = Prior(prior, SHAPE), 0.1
    exact = np.trace(posterior(jacobian.matrix, covariance(prior, SHAPE), sigma))
    decs = [sketch(jacobian, x, law, products=70, seed=seed) for seed in range(60)]
    values = np.array([risk.invloss(dec, sigma) for dec in decs])
    intervals = np.array([risk.invloss_interval(dec, sigma) for dec in decs])
    assert abs(values.mean() - exact) < 3.5 * values.std(ddof=1) / 60**0.5
    assert 1e-4 * exact < values.std() < 0.1 * exact
    held = ((intervals[:, 0] <= exact) & (exact <= intervals[:, 1])).mean()
    assert held >= 0.85
    width = intervals[:, 1] - intervals[:, 0]
    assert np.median(width) < 12 * values.std(), "an interval that holds everything says nothing"
    assert ((intervals[:, 0] <= values) & (values <= intervals[:, 1])).all()
    for dec in decs[:5]:
        for low, middle, high in (
            (risk.invre_interval(dec, sigma)[0], risk.invre(dec, sigma), risk.invre_interval(dec, sigma)[1]),
            (risk.psnr_interval(dec, sigma)[0], risk.psnr_ceiling(dec, sigma), risk.psnr_interval(dec, sigma)[1]),
        ):
            assert low <= middle <= high


@pytest.mark.parametrize("prior", ["white", "natural"])
def test_with_few_products_the_interval_still_holds_the_truth(prior):
    """The quadrature is not sharp here; its two rules must make up for it."""
    jacobian, x = chosen(SPECTRUM)
    exact = np.trace(posterior(jacobian.matrix, covariance(prior, SHAPE), 0.003))
    decs = [sketch(jacobian, x, Prior(prior, SHAPE), products=28, seed=seed) for seed in range(20)]
    intervals = np.array([risk.invloss_interval(dec, 0.003) for dec in decs])
    assert ((intervals[:, 0] <= exact) & (exact <= intervals[:, 1])).mean() >= 0.85
    assert np.median(intervals[:, 1] - intervals[:, 0]) > 1e-2 * exact


def test_what_single_precision_cannot_resolve_stays_inside_the_interval():
    """Directions below the rounding of the products may be learned or not: the interval must hold both, the estimate errs to the high side."""
    jacobian, x = chosen(2.0 * np.r_[1.0, np.full(SIZE - 1, 1e-4)])
    jacobian.gram, jacobian.point = jacobian.gram.float(), jacobian.point.float()
    exact = np.trace(posterior(jacobian.matrix, covariance("white", SHAPE), 1e-6))
    dec = sketch(jacobian, x, Prior("white", SHAPE), products=60)
    low, high = risk.invloss_interval(dec, 1e-6)
    assert low <= exact <= high
    assert high > 0.5 * dec.trace > risk.invloss(dec, 1e-6)


@pytest.mark.parametrize("prior", ["white", "natural"])
def test_eigenvalues_that_repeat_more_often_than_there_are_probes(prior):
    """A hundred equal singular values: the space holds a few of their directions only, the probes must tell the rest."""
    jacobian, x = chosen(np.r_[np.full(100, 1.0), np.full(200, 0.01)])
    exact = np.trace(posterior(jacobian.matrix, covariance(prior, SHAPE), 0.05))
    decs = [sketch(jacobian, x, Prior(prior, SHAPE), products=90, seed=seed) for seed in range(30)]
    values, intervals = np.array([risk.invloss(d, 0.05) for d in decs]), np.array([risk.invloss_interval(d, 0.05) for d in decs])
    assert abs(values.mean() - exact) < 3.5 * values.std(ddof=1) / 30**0.5
    assert ((intervals[:, 0] <= exact) & (exact <= intervals[:, 1])).mean() >= 0.85


@pytest.mark.parametrize("prior", ["white", "natural"])
def test_noise_on_the_picture(prior):
    jacobian, x = chosen(SPECTRUM)
    exact = np.trace(noisy_posterior(jacobian.matrix, covariance(prior, SHAPE), 0.1, 0.02))
    law = Prior(prior, SHAPE).noisy(0.02)
    decs = [sketch(jacobian, x, law, products=110, seed=seed) for seed in range(30)]
    values = np.array([risk.invloss(dec, 0.1) for dec in decs])
    held = [low <= exact <= high for low, high in (risk.invloss_interval(dec, 0.1) for dec in decs)]
    assert abs(values.mean() - exact) < 3.5 * values.std(ddof=1) / 30**0.5 and np.mean(held) >= 0.85
    assert decs[0].trace == pytest.approx(0.0625 * SIZE, rel=1e-9)
    case = linear_case(12)
    whole = sketch(case.jacobian, case.batch.image, case.prior(prior).noisy(0.02), products=60)
    truth = np.trace(noisy_posterior(case.dense, covariance(prior, case.shape), 0.1, 0.02))
    assert risk.invloss(whole, 0.1) == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("prior", ["white", "natural"])
def test_the_ideal_attacker_is_that_of_conjugate_gradients(prior):
    """Without the noise draw: xhat - mean = C^1/2 (M + s^2)^-1 M C^-1/2 (x - mean), the system being solved by SciPy."""
    jacobian, x = chosen(SPECTRUM)
    dec, sigma = sketch(jacobian, x, Prior(prior, SHAPE), products=140), 0.15
    root, centred = root_of(covariance(prior, SHAPE)), x.flatten().numpy() - 0.5
    whitened = jacobian.matrix @ root
    shifted = LinearOperator((SIZE, SIZE), lambda v: whitened.T @ (whitened @ v) + sigma**2 * v, dtype=float)
    solved, failed = cg(shifted, whitened.T @ (whitened @ np.linalg.solve(root, centred)), rtol=1e-10)
    assert not failed
    expected = root @ solved
    found = dec.basis.astype(float) @ (dec.heard[0] / (dec.gains + sigma**2))
    assert np.linalg.norm(found - expected) < 2e-3 * np.linalg.norm(expected)
    assert np.linalg.norm(expected - centred) > 0.02 * np.linalg.norm(centred), "noise matters here"
    seen = np.linalg.solve(root, sketch_module._noise(jacobian, Prior(prior, SHAPE), 0))  # J^T eps, eps of unit variance on the message
    assert seen.std() == pytest.approx(np.sqrt((jacobian.matrix**2).sum() / SIZE), rel=0.25)
    noise, failed = cg(shifted, sigma * root @ seen, rtol=1e-10)
    assert not failed
    drawn = risk.ideal(dec, sigma).ravel() - 0.5
    assert np.linalg.norm(drawn - expected - root @ noise) < 5e-3 * np.linalg.norm(root @ noise)


def test_the_truth_is_in_no_space_of_the_ideal_attacker():
    """With few products and hardly any noise it must not be better than what block conjugate gradients reach from the message alone."""
    jacobian, x = chosen(2.0 * 0.9 ** np.arange(SIZE))
    centred, sigma = x.flatten().numpy() - 0.5, 1e-7
    few = sketch(jacobian, x, Prior("white", SHAPE), products=40)
    found = few.basis.astype(float) @ (few.heard[0] / (few.gains + sigma**2))
    best = few.basis.astype(float) @ np.linalg.lstsq(few.basis.astype(float), centred, rcond=None)[0]  # nearest point of the space
    assert np.linalg.norm(best - centred) > 0.3 * np.linalg.norm(centred), "the space does not hold the truth"
    assert np.linalg.norm(found - centred) >= np.linalg.norm(best - centred) * (1 - 1e-6)
    # the Galerkin property: what is left of the message is orthogonal to the space
    left = jacobian.matrix.T @ (jacobian.matrix @ (centred - found))
    assert np.linalg.norm(few.basis.T @ left) < 1e-4 * np.linalg.norm(few.basis.T @ (jacobian.matrix.T @ (jacobian.matrix @ centred)))


@pytest.mark.parametrize("prior", ["white", "natural"])
def test_the_ideal_attacker_errs_as_much_as_invloss_says(prior):
    """Over pictures drawn from the prior; with noise left out of the space the guesses would be far too good."""
    jacobian, _ = chosen(SPECTRUM)
    law, sigma, errors = Prior(prior, SHAPE), 0.3, []
    exact = np.trace(posterior(jacobian.matrix, covariance(prior, SHAPE), sigma))
    for seed in range(40):
        x = torch.from_numpy(law.draw(1, np.random.default_rng(seed)).reshape(1, *SHAPE))
        dec = sketch(jacobian, x, law, products=80, seed=seed)
        errors.append(((risk.ideal(dec, sigma) - x.numpy()) ** 2).sum())
    assert np.mean(errors) == pytest.approx(exact, abs=3.5 * np.std(errors, ddof=1) / 40**0.5 + 0.01 * exact)


@pytest.mark.parametrize("prior", ["white", "natural", "dataset"])
@pytest.mark.parametrize("rows", [1, 2, 10])
def test_messages_shorter_than_the_picture(prior, rows):
    case = linear_case(rows)
    dec = sketch(case.jacobian, case.batch.image, case.prior(prior), products=100)
    assert (dec.gains > 0).sum() == rows
    exact = np.trace(posterior(case.dense, covariance(prior, case.shape), 0.2))
    assert risk.invloss(dec, 0.2) == pytest.approx(exact, rel=1e-5)
    assert np.diff(risk.invloss_interval(dec, 0.2)) < 1e-5 * exact


@pytest.mark.parametrize("prior", ["white", "natural"])
def test_a_release_that_says_nothing(prior):
    data = Batch.of(picture((1, 4, 4), 1), torch.tensor([0]))
    jacobian = Jacobian.of(lambda net, batch, rng: {"z": 0.0 * batch.image.flatten() + 1}, None, data)
    for dec in (sketch(jacobian, data.image, Prior(prior, (1, 4, 4))), decompose(jacobian, data.image, Prior(prior, (1, 4, 4)))):
        for sigma in (0.0, 0.1):
            assert risk.invloss(dec, sigma) == pytest.approx(1.0) and risk.invre(dec, sigma) == pytest.approx(0, abs=1e-12)
            assert risk.invloss_interval(dec, sigma) == pytest.approx((1.0, 1.0))
            np.testing.assert_allclose(risk.ideal(dec, sigma), 0.5, atol=1e-6)
        assert risk.k_star(dec, 0.1) == 0 and np.isfinite(dec.tails).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 2), (1, 2, 2)])
def test_pictures_smaller_than_a_block(shape):
    case = linear_case(3, shape)
    dec = sketch(case.jacobian, case.batch.image, case.prior("natural"))
    assert risk.invloss(dec, 0.3) == pytest.approx(np.trace(posterior(case.dense, covariance("natural", shape), 0.3)), rel=1e-8)


def test_a_picture_that_is_the_priors_mean():
    case = linear_case(12)
    grey = Batch.of(torch.full_like(case.batch.image, 0.5), case.batch.label)
    dec = sketch(Jacobian.of(case.release, None, grey), grey.image, case.prior("white"), products=60)
    assert risk.invloss(dec, 0.2) == pytest.approx(np.trace(posterior(case.dense, covariance("white", case.shape), 0.2)), rel=1e-6)


@pytest.mark.parametrize("prior", ["white", "natural", "dataset"])
def test_a_sketch_comes_back_from_disk_with_its_intervals(prior, tmp_path):
    jacobian, x = chosen(SPECTRUM)
    dec = sketch(jacobian, x, make_prior(prior, SHAPE), products=56)
    dec.save(tmp_path)
    again = Decomposition.load(tmp_path)
    for function in (risk.invloss_interval, risk.invre_interval, risk.psnr_interval, risk.invloss, risk.invloss_bound, risk.k_star):
        assert function(again, 0.02) == function(dec, 0.02)
    assert risk.invloss_interval(again, 0.02)[0] < risk.invloss_interval(again, 0.02)[1]
    assert again.facts() == dec.facts() and again.method == "sketch" and again.rest == dec.rest > 0
    assert set(again.arrays()) == set(dec.arrays())
    np.testing.assert_array_equal(risk.ideal(again, 0.02), risk.ideal(dec, 0.02))


def test_the_seed_decides():
    jacobian, x = chosen(SPECTRUM)
    first, same, other = (sketch(jacobian, x, Prior("natural", SHAPE), products=28, seed=seed) for seed in (3, 3, 4))
    for name, array in first.arrays().items():
        np.testing.assert_array_equal(array, same.arrays()[name])
    assert risk.invloss(first, 0.1) != risk.invloss(other, 0.1)


def test_progress_counts_products_and_cancels():
    jacobian, x = chosen(SPECTRUM)
    seen = []
    dec = sketch(jacobian, x, Prior("white", SHAPE), lambda done, total: not seen.append((done, total)), products=50)
    assert [done for done, _ in seen] == [5, 8, 13, 16, 21, 24, 29, 32, 37, 40, 45, 48] and {total for _, total in seen} == {49}
    assert dec.products == 49
    with pytest.raises(Cancelled):
        sketch(jacobian, x, Prior("white", SHAPE), lambda done, total: done < 20, products=50)


def test_it_stops_once_the_quadrature_is_sharp():
    jacobian, x = chosen(np.r_[np.full(150, 1.0), np.full(150, 0.5)])  # two eigenvalues: three blocks are enough
    assert sketch(jacobian, x, Prior("white", SHAPE), products=290).products <= 8 * sketch_module.LOOK_EVERY


@pytest.mark.parametrize(("work", "most"), [(1e12, 50), (1 / 250, 250), (1 / 200, 200), (1e-9, 100 * SIZE)])
def test_the_number_of_products_follows_their_cost(work, most, monkeypatch):
    """Never fewer than LEAST, never more than a share of the inputs, in between what WORK pays for."""
    monkeypatch.setattr(sketch_module, "SHARP", -1.0)
    monkeypatch.setattr(sketch_module, "LEAST", 50)
    monkeypatch.setattr(sketch_module, "SHARE", 1)
    jacobian, x = chosen(0.999 ** np.arange(SIZE))
    jacobian.work = work * sketch_module.WORK
    made = sketch(jacobian, x, Prior("natural", SHAPE)).products
    assert min(most, SIZE) - 5 <= made <= min(most, SIZE)


def test_a_prior_of_another_shape_is_refused(linear):
    for wrong in (Prior("white", (1, 4, 4), 2), Prior("white", (1, 2, 8)), Prior("natural", (3, 4, 4))):
        with pytest.raises(ValueError, match="the prior is for"):
            sketch(linear.jacobian, linear.batch.image, wrong)


def test_light_nets_are_sketched_in_double(linear):
    data = Batch(dict(linear.batch.inputs), linear.batch.targets)
    single = Batch.of(data.image.float(), data.label)
    case = make_case(*CASES["mlp_1"])
    net = dataclasses.replace(case.net, module=case.net.module)
    jacobian = Jacobian.of(case.release, net, case.batch)
    assert sketch_module._affordable(jacobian) is jacobian.sharp
    from invviz.core.types import Net
    from invviz.models import MLP

    model = MLP(width=4)
    light = Jacobian.of(case.release, Net.of(model.build((1, 4, 4), 4, 0)), single)
    assert sketch_module._affordable(light).point.dtype == torch.float64
    assert sketch_module._affordable(dataclasses.replace(light, precise=False)).point.dtype == torch.float32
    single_dec = sketch(dataclasses.replace(light, precise=False), single.image, Prior("natural", (1, 4, 4)), products=60)
    double_dec = sketch(light, single.image, Prior("natural", (1, 4, 4)), products=60)
    assert risk.invre(single_dec, 0.01) == pytest.approx(risk.invre(double_dec, 0.01), abs=1e-3)
    assert single_dec.resolved > 1e3 * double_dec.resolved
