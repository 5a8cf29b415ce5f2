"""Intervals by drawing again (bootstrap): the one place where studies draw pictures, seeds or groups with replacement."""

from __future__ import annotations

import numpy as np

RESAMPLES = 2_000
ENDS = [2.5, 97.5]  # percent: of a 95 % interval


def drawn(count: int, resamples: int, seed: int) -> np.ndarray:
    """How often each of `count` things is drawn in each resample, shape (resamples, count); rows add up to `count`."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)


def weights(count: int, resamples: int, seed: int) -> np.ndarray:
    """How much each of `count` things weighs in each resample, shape (1 + resamples, count); the first row is the sample itself."""
    return np.vstack([np.full(count, 1 / count), drawn(count, resamples, seed) / count])


def interval(values: np.ndarray) -> tuple[float, float]:
    """Ends of the 95 % percentile interval of resampled values (resamples,); those that are not finite are left out. NaN where nothing is left."""
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, ENDS) if len(known) else (np.nan, np.nan)
    return float(low), float(high)
