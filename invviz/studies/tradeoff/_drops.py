"""Defenses compared where they cost the same accuracy, between the strengths that were tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..equal_cost._sums import crossing, read, rising
from ..statistics import RESAMPLES, interval, weights
from ._choice import solvable, solved
from ._measures import AT, NONE, Mean, Table, shares
from ._points import Point, points
from ._strongest import curves

DROPS = (0.0, 0.01, 0.02, 0.05)
NOISE = 0.005  # accuracies that differ by less, half a point, do not say which strength is the stronger one


@dataclasses.dataclass(frozen=True)
class AtDrop:
    """A defense at the strongest strength that costs at most a drop of accuracy.

    Attributes:
        defense: label without its strength.
        strength_name: of the knob.
        measure: name in PRIVACY.
        drop: accuracy that may be lost, share.
        strength: found between those tried; nan for a defense without one.
        value: of the measure there.
        over_best: value minus that of the defense with the smallest one at this drop, in the same resamples; its interval says whether
            the two can be told apart. A defense whose noise may be solved for (`solvable`) is not the best one unless that was tried, so there it may be below 0.
        missed: -1: even the weakest strength tried costs more, so value lies between it and no defense; 1: the strongest one tried costs
            less, and stands here; else 0.
        whole: whether every seed, picture and attack of the sweep is in it.
    """

    defense: str
    strength_name: str
    measure: str
    drop: float
    strength: Mean
    value: Mean
    over_best: Mean
    missed: int
    whole: bool


@dataclasses.dataclass(frozen=True)
class _Curve:
    """A defense from no strength at all to the strongest: x ascending, shape (1 + strengths,), cost and value (resamples, 1 + strengths)."""

    x: np.ndarray
    cost: np.ndarray
    value: np.ndarray
    strengths: np.ndarray  # weakest first, without the undefended one
    sign: int  # of the logarithm of the strength on x: 1, -1 where small strengths are the strong ones, 0 where x is the rank

    def strength(self, places: np.ndarray) -> np.ndarray:
        """The strength at places on x."""
        return np.exp(self.sign * places) if self.sign else np.interp(places, self.x[1:], self.strengths)

    def at(self, drop: float) -> tuple[np.ndarray, np.ndarray, int]:
        """Strength and value, each of shape (resamples,), at the last place that costs at most the drop, and what was missed."""
        whole = np.asarray(np.isfinite(self.cost + self.value).all(axis=-1))
        # Rounded, for 0.81 - 0.80 is more than 0.01 in floating point; mirrored, for `crossing` finds the first place, and we want the last.
        cost = rising(np.where(whole.reshape(-1, 1), self.cost, 0.0)).round(10)
        places, _ = crossing(-self.x[::-1], -cost[:, ::-1], -drop)
        missed = -1 if cost[0, 1] > drop else int(cost[0, -1] < drop)
        strength, value = self.strength(-places), read(self.x, self.value, -places)
        return np.where(whole, strength, np.nan), np.where(whole, value, np.nan), missed


def at_drop(
    rows: Table,
    measure: str,
    drops: Sequence[float] = DROPS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    known: Sequence[Point] | None = None,
) -> list[AtDrop]:
    """What each defense gives away at the strongest strength that costs at most so much accuracy.

    Costs are made never to fall over the strength (`equal._sums.rising`); between two strengths cost and measure are straight over the
    logarithm of the strength, over its rank where a strength is not above 0. The undefended point begins every curve, one step (the ratio of
    the two weakest strengths; 2 where there is one) below the weakest; this place moves the strength found, never the value, which between
    two points depends on their costs and values alone. Over the rank, no strength below the weakest tried is named. Which end is the
    strong one is read from the data: there accuracy falls, or the measure where
    accuracy hardly follows the strength.

    Intervals: 95 %, percentiles over seeds and pictures drawn with replacement, the same ones for all defenses; accuracy follows its seed.
    With one seed they are over pictures alone, with few seeds too narrow, with one of both None. Drop 0 turns on the noise of the accuracy.

    Args:
        rows: of a sweep of one setting, with COLUMNS.
        measure: one of PRIVACY.
        drops: shares of accuracy, in [0, 1].
        resamples: for intervals, at least 1.
        seed: of the resampling.
        known: the `points` of these rows, where they were made before.

    Returns:
        Each drop of each defense, defenses in order of appearance.

    Raises:
        InvvizError: as in `points`, or a drop that is no share.
    """
    shares(drops, "A drop")
    table, found = curves(rows, measure), points(rows, measure) if known is None else known
    seeds, pictures = sorted(table["seed"].unique()), sorted(table["picture"].unique())
    drawn = weights(len(seeds), resamples, seed), weights(len(pictures), resamples, seed + 1)
    bare = _cube(table[table["defense"] == NONE], seeds, pictures)
    arms = {}
    for p in found:
        if p.defense != NONE and (p.defense, p.strength_name) not in arms:
            arm = table[(table["defense"] == p.defense) & (table["strength_name"] == p.strength_name)]
            arms[p.defense, p.strength_name] = _curve(arm, bare, (seeds, pictures), drawn)
    arms = {name: arm for name, arm in arms.items() if arm is not None}
    tried = solved(rows, measure)
    alone, results = len(seeds) == len(pictures) == 1, []
    for drop in drops if arms else ():
        here = {name: arm.at(drop) for name, arm in arms.items()}
        held = {name: part for name, part in here.items() if tried or not solvable(name[0])} or here
        best = min(held.values(), key=lambda part: part[1][0])[1]
        for (defense, name), (strength, value, missed) in here.items():
            whole = all(p.whole for p in found if p.defense in (defense, NONE))
            spans = [_mean(each, alone) for each in (strength, value, value - best)]
            results.append(AtDrop(defense, name, measure, drop, spans[0], spans[1], spans[2], missed, whole))
    order = list(arms)
    return sorted(results, key=lambda r: order.index((r.defense, r.strength_name)))


def _cube(cells: Table, seeds: list, pictures: list) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy by seed, shape (seeds,), and values by seed and picture, shape (seeds, pictures); nan where not known."""
    accuracy = cells.groupby("seed")["accuracy"].mean().reindex(seeds).to_numpy(float)
    value = cells.pivot_table(index="seed", columns="picture", values="value").reindex(index=seeds, columns=pictures).to_numpy(float)
    return accuracy, np.where(np.isnan(accuracy)[:, None], np.nan, value)


def _curve(
    arm: Table, bare: tuple[np.ndarray, np.ndarray], sides: tuple[list, list], drawn: tuple[np.ndarray, np.ndarray]
) -> _Curve | None:
    """Cost and value of a defense over its strengths in every resample; None where no strength shares a seed with the undefended one."""
    cubes = [(key[-1], *_cube(cells, *sides)) for key, cells in arm.groupby(list(AT), dropna=False)]
    cubes = [(s, bare[0] - a, v) for s, a, v in cubes if (np.isfinite(bare[0] - a) & np.isfinite(v).any(1)).any()]
    if not cubes:
        return None
    strengths, costs, values = (np.asarray(part, dtype=float) for part in zip(*cubes, strict=True))
    if _falls(strengths, np.nanmean(costs, 1), np.nanmean(values, (1, 2))):
        strengths, costs, values = strengths[::-1], costs[::-1], values[::-1]
    costs, values = np.concatenate([(bare[0] - bare[0])[None], costs]), np.concatenate([bare[1][None], values])
    cost, value = _means(costs, values, *drawn)
    sign = (-1 if strengths[0] > strengths[-1] else 1) if (strengths > 0).all() else 0
    x = np.arange(len(costs), dtype=float)
    if sign:
        logs = sign * np.log(strengths)
        x = np.append(logs[0] - (logs[1] - logs[0] if len(logs) > 1 else np.log(2)), logs)
    return _Curve(x, cost, value, strengths, sign)


def _means(costs: np.ndarray, values: np.ndarray, seeds: np.ndarray, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over pictures, then over seeds that have both a cost and a value, in every resample: shapes (resamples, strengths)."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):  # a resample may hold nothing that is known: nan
        each = np.einsum("skn,rn->rsk", np.where(known, values, 0.0), pictures) / np.einsum("skn,rn->rsk", known.astype(float), pictures)
        both = np.isfinite(costs)[None] & np.isfinite(each)
        share = both * seeds[:, None, :] / (both * seeds[:, None, :]).sum(-1, keepdims=True)
    return (share * np.where(both, costs[None], 0.0)).sum(-1), (share * np.where(both, each, 0.0)).sum(-1)


def _falls(strengths: np.ndarray, cost: np.ndarray, value: np.ndarray) -> bool:
    """Whether the defense is stronger where its strength is a smaller number, by Spearman's rank correlation; strengths ascend."""
    with_cost, with_value = _spearman(strengths, cost), _spearman(strengths, -value)
    # A defense that costs next to nothing leaves its accuracies in the order of their noise; the measure then knows better.
    plain = np.ptp(cost) > NOISE and abs(with_cost) >= 0.5
    return with_cost < 0 if plain or not with_value else with_value < 0


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Rank correlation in [-1, 1], 0 where one of them does not change."""
    import pandas as pd  # slow to import

    a, b = (pd.Series(part).rank().to_numpy() for part in (x, np.round(y, 10)))
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


def _mean(drawn: np.ndarray, alone: bool) -> Mean:
    """The first value, that of the sample itself, and the 95 % percentile interval of the others."""
    value, others = float(drawn[0]), drawn[1:]
    return Mean(value) if alone or not np.isfinite(others).any() else Mean(value, interval(others))
