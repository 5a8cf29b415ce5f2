"""Which guess belongs to which sample: a gradient does not say in which order a batch was."""

from __future__ import annotations

import numpy as np

from ._words import EXACT

FIRST = 1e6  # times the largest error: what an exact pair is worth


def match(guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The order of guesses with the least total squared error, among those that keep as many exact pairs as there can be; of sentences with the fewest wrong words.

    The least total alone may break exact pairs: a guess that is a mean of several samples may be nearer to one that was read exactly than to any of those.

    Args:
        guess: (m, c, h, w), at least as many as there are samples (of a sum over clients all that was read of it), or whole numbers that stand for words, (m, length).
        truth: likewise, (n, ...).

    Returns:
        Indices (n,): guess[indices] lies beside truth. A guess that is not finite is as bad as the worst one.
    """
    n = len(truth)
    if n == len(guess) == 1:
        return np.zeros(1, dtype=np.intp)
    from scipy.optimize import linear_sum_assignment  # slow to import

    g, t = guess.reshape(len(guess), -1).astype(np.float64), truth.reshape(n, -1).astype(np.float64)
    wrong = t[:, None] - g[None]
    cost = ((wrong != 0) if np.issubdtype(truth.dtype, np.integer) else wrong**2).sum(axis=2).astype(float)
    cost[~np.isfinite(cost)] = 1e12
    exact = cost < 10 ** (-EXACT / 10) * t.shape[1]  # a mean squared error, of what lies between 0 and 1
    if exact.any():
        cost = np.where(exact, cost - FIRST * np.where(cost < 1e12, cost, 0).max(), cost)
    return linear_sum_assignment(cost)[1]
