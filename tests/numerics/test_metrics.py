"""Metrics against scikit-image and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from skimage import metrics as reference

from invviz.core.errors import MissingExtra
from invviz.metrics import METRICS, match

RNG = np.random.default_rng(0)
TRUTH = RNG.random((4, 3, 16, 16)).astype(np.float32)
GUESS = (TRUTH + 0.1 * RNG.standard_normal(TRUTH.shape)).clip(0, 1).astype(np.float32)
SURE = [m for m in METRICS.values() if m.takes("picture") and not m.optional]


def test_against_scikit_image():
    for i, (g, t) in enumerate(zip(GUESS.astype(np.float64), TRUTH.astype(np.float64), strict=True)):
        assert METRICS["mse"]().score(GUESS, TRUTH)[i] == pytest.approx(reference.mean_squared_error(t, g))
        assert METRICS["psnr"]().score(GUESS, TRUTH)[i] == pytest.approx(reference.peak_signal_noise_ratio(t, g, data_range=1))
        assert METRICS["ssim"]().score(GUESS, TRUTH)[i] == pytest.approx(
            reference.structural_similarity(t, g, data_range=1, channel_axis=0)
        )


def test_closed_forms():
    shifted = np.full_like(TRUTH, 0.5)
    assert METRICS["mse"]().score(shifted + 0.1, shifted) == pytest.approx(0.01, rel=1e-5)
    assert METRICS["psnr"]().score(shifted + 0.1, shifted) == pytest.approx(20, rel=1e-5)


@pytest.mark.parametrize("kind", SURE)
def test_best_at_the_truth(kind):
    perfect, worse = kind().score(TRUTH, TRUTH), kind().score(GUESS, TRUTH)
    assert perfect == pytest.approx(kind.perfect)
    assert (perfect > worse).all() if kind.higher_is_better else (perfect < worse).all()


@pytest.mark.parametrize("kind", SURE)
@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (1, 3, 64, 64)])
def test_one_number_for_each_pair(kind, shape):
    a, b = np.random.default_rng(1).random((2, *shape))
    assert kind().score(a, b).shape == (shape[0],)


def test_matching_is_the_best_of_all_orders():
    order = np.array([2, 0, 3, 1])
    shuffled = GUESS[order]
    best = min(itertools.permutations(range(4)), key=lambda p: ((shuffled[list(p)] - TRUTH) ** 2).sum())
    assert tuple(match(shuffled, TRUTH)) == best
    assert np.array_equal(shuffled[match(shuffled, TRUTH)], GUESS)


def test_scores_do_not_depend_on_the_order_of_the_batch():
    shuffled = GUESS[[3, 1, 0, 2]]
    for kind in SURE:
        assert np.allclose(kind().score(shuffled[match(shuffled, TRUTH)], TRUTH), kind().score(GUESS, TRUTH))


def test_a_broken_guess_does_not_break_the_matching():
    broken = GUESS.copy()
    broken[1] = np.nan
    assert sorted(match(broken, TRUTH)) == [0, 1, 2, 3]
    assert match(broken, TRUTH)[0] == 0


def test_lpips_says_what_is_missing():
    """Without the package or its weights there is a clear message and nothing is downloaded."""
    try:
        METRICS["lpips"]().score(GUESS, TRUTH)
    except MissingExtra as err:
        assert "pip install" in str(err) or "alexnet" in str(err)


def test_an_exact_guess_stays_beside_its_sample():
    """The least total error alone would give it away for a mean of others, which lies nearer to it than to any of those."""
    truth, guess = np.zeros((2, 1, 1, 2)), np.zeros((2, 1, 1, 2))
    truth[1, 0, 0] = (1.0, 0.0)
    guess[1, 0, 0] = (-1.0, 1.2)  # the first was read exactly; this mixture is nearer to it: 5.44 as they stand, 3.44 the other way round
    assert match(guess, truth).tolist() == [0, 1]
    assert match(guess + 0.01, truth).tolist() == [1, 0]  # nothing is exact: the least total
