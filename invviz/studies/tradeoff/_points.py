"""Every strength of every defense as one point of accuracy and privacy, and which of them no other beats."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np

from ._measures import AT, NONE, Mean, Table, measure_of
from ._strongest import curves, finished


@dataclasses.dataclass(frozen=True)
class Dot:
    """One seed of a point: accuracy (share), value of the measure (mean over pictures) and drop of accuracy (nan: no undefended one)."""

    seed: int
    accuracy: float
    value: float
    drop: float


@dataclasses.dataclass(frozen=True)
class Point:
    """One strength of one defense.

    Attributes:
        defense: label without its strength; "none" is undefended.
        strength_name: of the knob.
        strength: nan where there is none.
        measure: name of the measure in PRIVACY.
        accuracy: share; 95 % Student's t interval over seeds, as with the next two, as far as its values can reach.
        value: of the measure, in its unit; the mean over pictures of each seed counts once.
        drop: undefended accuracy minus this one, over the seeds that have both, each with itself.
        dots: by seed.
        num_pictures: that have a value with any of these seeds.
        whole: whether every seed, picture and attack of the sweep is in it.
        on_front: whether no other point has at least its accuracy and at most its value, and is better in one.
        attack: the attack and knowledge that was the strongest on most pictures, as "name (aware)"; by PSNR, of sentences by words right.
        scenario: of the strongest attack on the first picture with the first seed.
    """

    defense: str
    strength_name: str
    strength: float
    measure: str
    accuracy: Mean
    value: Mean
    drop: Mean
    dots: tuple[Dot, ...]
    num_pictures: int
    whole: bool
    on_front: bool
    attack: str
    scenario: str

    @property
    def num_seeds(self) -> int:
        """How many seeds it is the mean of."""
        return len(self.dots)

    @property
    def label(self) -> str:
        """Defense and strength in words."""
        if self.defense == NONE:
            return "no defense"
        return self.defense if np.isnan(self.strength) else f"{self.defense} at {self.strength_name}={self.strength:g}"


def pareto(accuracy: Sequence[float] | np.ndarray, measure: Sequence[float] | np.ndarray) -> np.ndarray:
    """Which points no other one dominates (at least the accuracy, at most the measure, one of them better); equal points stay.

    Args:
        accuracy: shape (n,), larger is better.
        measure: shape (n,), smaller is better; points with a nan are on no front.

    Returns:
        Shape (n,), bool.

    Example:
        >>> pareto([0.9, 0.8, 0.7, 0.8], [30.0, 20.0, 25.0, 20.0]).tolist()
        [True, True, False, True]
    """
    a, m = np.asarray(accuracy, dtype=float), np.asarray(measure, dtype=float)
    no_worse = (a[None, :] >= a[:, None]) & (m[None, :] <= m[:, None])
    better = (a[None, :] > a[:, None]) | (m[None, :] < m[:, None])
    return ~(no_worse & better).any(axis=1) & ~np.isnan(a) & ~np.isnan(m)


def points(rows: Table, measure: str) -> list[Point]:
    """One point per defense and strength; the undefended one first, defenses in order of appearance, strengths ascending.

    Strengths of which no seed has both an accuracy and a value are left out. While a sweep runs, points may be over different pictures,
    or over fewer attacks: see `whole`.

    Args:
        rows: of a sweep of one setting, with COLUMNS.
        measure: one of PRIVACY.

    Raises:
        InvvizError: nothing is done, no undefended cell is, unknown measure or one that is not known here, several settings.
    """
    table = curves(rows, measure)
    dots, complete = _dots(table), _complete(rows, measure)
    found = []
    for key, cells in table.groupby(list(AT), dropna=False, sort=False):
        if mine := dots.get(_hashable(key)):
            found.append(_point(key, measure, cells, tuple(mine), complete))
    seen = [NONE, *dict.fromkeys(p.defense for p in found)]
    found.sort(key=lambda p: (seen.index(p.defense), p.strength_name, np.isnan(p.strength), np.nan_to_num(p.strength)))
    mask = pareto([p.accuracy.value for p in found], [p.value.value for p in found])
    return [dataclasses.replace(p, on_front=bool(on)) for p, on in zip(found, mask, strict=True)]


def front(found: Sequence[Point]) -> list[Point]:
    """The points on the Pareto front, accuracy ascending; the front of the given ones alone."""
    mask = pareto([p.accuracy.value for p in found], [p.value.value for p in found])
    return sorted((p for p, on in zip(found, mask, strict=True) if on), key=lambda p: p.accuracy.value)


def _dots(table: Table) -> dict[tuple, list[Dot]]:
    """Of every strength the seeds that have both an accuracy and a value, ascending."""
    bare = table[table["defense"] == NONE].groupby("seed")["accuracy"].mean().to_dict()
    each = table.groupby(["seed", *AT], dropna=False)[["accuracy", "value"]].mean().dropna()
    found = collections.defaultdict(list)
    for (seed, *key), accuracy, value in zip(each.index, each["accuracy"], each["value"], strict=True):
        found[_hashable(key)].append(Dot(int(seed), float(accuracy), float(value), float(bare.get(seed, np.nan) - accuracy)))
    return found


def _point(key: tuple, measure: str, cells: Table, dots: tuple[Dot, ...], complete: set[tuple]) -> Point:
    """A point, not yet compared with the others."""
    used = cells[cells["seed"].isin([d.seed for d in dots]) & cells["value"].notna()].sort_values(["seed", "picture"])
    named = used[used["attack"] != ""]
    most = (named["attack"] + " (" + named["knowledge"] + ")").mode()
    defense, name, strength = key
    return Point(
        defense=str(defense),
        strength_name=str(name),
        strength=float(strength),
        measure=measure,
        accuracy=Mean.of([d.accuracy for d in dots], (0.0, 1.0)),
        value=Mean.of([d.value for d in dots], measure_of(measure).ends),
        drop=Mean.of([d.drop for d in dots], (-1.0, 1.0)),
        dots=dots,
        num_pictures=int(used["picture"].nunique()),
        whole=_hashable(key) in complete,
        on_front=False,
        attack=str(most.iloc[0]) if len(most) else "",
        scenario=str(used["scenario"].iloc[0]),
    )


def _complete(rows: Table, measure: str) -> set[tuple]:
    """Defenses and strengths of which every seed, picture and attack of the sweep is known."""
    kind, done = measure_of(measure), finished(rows)
    parts = ["seed", "picture", "attack"] if kind.attacked else ["seed", "picture"]
    planned = int(np.prod([rows[part].nunique() for part in parts]))
    known = done[done[list(kind.columns)].notna().any(axis=1) & done["accuracy"].notna()].drop_duplicates([*AT, *parts])
    return {_hashable(key) for key, cells in known.groupby(list(AT), dropna=False) if len(cells) == planned}


def _hashable(key: Sequence) -> tuple:
    """The key with None for nan, which is equal to nothing."""
    return tuple(None if part != part else part for part in key)
