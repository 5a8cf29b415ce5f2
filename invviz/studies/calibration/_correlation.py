"""How well one figure orders another: correlation with 95 % intervals, for points that are not independent."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..statistics import RESAMPLES, drawn, interval

FEWEST = 4  # points
FEWEST_GROUPS = 3


@dataclasses.dataclass(frozen=True)
class Correlation:
    """Two coefficients in [-1, 1], each with the ends of its 95 % interval, and how many points they are of."""

    spearman: float
    spearman_low: float
    spearman_high: float
    pearson: float
    pearson_low: float
    pearson_high: float
    count: int


def correlate(x: Sequence[float], y: Sequence[float], groups: Sequence[int] | None = None, seed: int = 0) -> Correlation:
    """Spearman's and Pearson's coefficient with 95 % intervals.

    Spearman's interval is a percentile bootstrap (2,000 resamples, seeded). Without groups it draws points, and Pearson's interval is
    Fisher's z. Points of the same picture are not independent of each other: an interval that draws points would be too narrow. With
    groups whole groups are drawn, with all their points, for both coefficients (cluster bootstrap). With few groups it is rough.

    Args:
        x: one number a point.
        y: one number a point.
        groups: which group (picture) a point belongs to; None: all points are independent.
        seed: of the resampling.

    Raises:
        ValueError: lengths differ, fewer than 4 points or 3 groups, a value that is not finite, or all values equal.
    """
    from scipy import stats

    a, b = _checked(x, y)
    whole: Any = stats.pearsonr(a, b)  # SciPy's result has no types
    ranked: Any = stats.spearmanr(a, b)
    times = _draws(_clusters(groups, len(a)), seed)
    low, high = interval(_pearson(_ranks(a, times), _ranks(b, times), times))
    if groups is None:
        between = whole.confidence_interval(0.95)
        ends = float(between.low), float(between.high)
    else:
        ends = interval(_pearson(a, b, times))
    return Correlation(float(ranked.statistic), low, high, float(whole.statistic), *ends, len(a))


@dataclasses.dataclass(frozen=True)
class Within:
    """Spearman's coefficient inside cells: its mean over the cells, how many they are, and how many points they hold."""

    spearman: float
    cells: int
    count: int


def correlate_within(x: Sequence[float], y: Sequence[float], cells: Sequence[Hashable]) -> Within:
    """How well x orders y where everything else is the same: the mean of Spearman's coefficients inside cells.

    Cells of fewer than 4 points, or in which one of the two does not vary, are left out.

    Args:
        x: one number a point.
        y: one number a point.
        cells: which cell a point belongs to, for instance its model and defense: then only pictures differ inside.

    Raises:
        ValueError: lengths differ, or no cell is left.
    """
    from scipy import stats

    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if not a.shape == b.shape == (len(cells),):
        raise ValueError(f"x, y and cells must have the same length; got shapes {a.shape} and {b.shape}, and {len(cells)} cells.")
    found, count = [], 0
    for cell in dict.fromkeys(cells):
        inside = np.array([c == cell for c in cells])
        if inside.sum() >= FEWEST and np.ptp(a[inside]) > 0 and np.ptp(b[inside]) > 0:
            ranked: Any = stats.spearmanr(a[inside], b[inside])  # SciPy's result has no types
            found.append(float(ranked.statistic))
            count += int(inside.sum())
    if not found:
        raise ValueError(f"no cell has {FEWEST} points that differ.")
    return Within(float(np.mean(found)), len(found), count)


def _checked(x: Sequence[float], y: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"x and y must be two lists of the same length; got shapes {a.shape} and {b.shape}.")
    if len(a) < FEWEST:
        raise ValueError(f"a correlation needs at least {FEWEST} points; got {len(a)}.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a correlation needs finite numbers; some are infinite or missing.")
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        raise ValueError("a correlation needs values that differ; all of them are equal.")
    return a, b


def _clusters(groups: Sequence[int] | None, count: int) -> np.ndarray:
    """Number of each row's cluster, from 0 on; without groups every row is its own."""
    if groups is None:
        return np.arange(count)
    labels = np.asarray(groups)
    if labels.shape != (count,):
        raise ValueError(f"groups must name one group for each of the {count} points; got shape {labels.shape}.")
    names, clusters = np.unique(labels, return_inverse=True)
    if len(names) < FEWEST_GROUPS:
        raise ValueError(f"an interval over groups needs at least {FEWEST_GROUPS} groups; got {len(names)}.")
    return clusters


def _draws(clusters: np.ndarray, seed: int) -> np.ndarray:
    """How often each row is in each resample of whole clusters, shape (resamples, rows)."""
    return drawn(int(clusters.max()) + 1, RESAMPLES, seed)[:, clusters]


def _ranks(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Rank of each row in a list that holds it so many times, ties sharing their mean rank; shape of `times`."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    held = np.add.reduceat(times[:, np.argsort(places, kind="stable")], np.cumsum(counts) - counts, axis=1)  # of each value
    return (held.cumsum(axis=1) - (held - 1) / 2)[:, places]


def _pearson(a: np.ndarray, b: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Pearson's coefficient of each list that holds every row so many times, shape (resamples,); not a number where nothing varies."""
    share = times / times.sum(axis=1, keepdims=True)
    p, q = (v - (share * v).sum(axis=1, keepdims=True) for v in (a, b))
    spread = (share * p * p).sum(axis=1) * (share * q * q).sum(axis=1)
    varies = spread > 1e-20 * np.ptp(a) ** 2 * np.ptp(b) ** 2
    return np.divide((share * p * q).sum(axis=1), np.sqrt(spread), out=np.full(len(times), np.nan), where=varies)
