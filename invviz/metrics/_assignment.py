"""Which guess belongs to which sample: a gradient does not say in which order a batch was."""

from __future__ import annotations

import numpy as np


def match(guess: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The order of guesses with the least total squared error.

    Args:
        guess: (n, c, h, w).
        truth: (n, c, h, w).

    Returns:
        Indices (n,): guess[indices] lies beside truth. A guess that is not finite is as bad as the worst one.
    """
    from scipy.optimize import linear_sum_assignment

    n = len(truth)
    g, t = guess.reshape(n, -1).astype(np.float64), truth.reshape(n, -1).astype(np.float64)
    cost = ((t[:, None] - g[None]) ** 2).sum(axis=2)
    cost[~np.isfinite(cost)] = 1e12
    return linear_sum_assignment(cost)[1]
