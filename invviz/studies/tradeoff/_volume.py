"""One number for a whole curve: the share of the plane of accuracy and privacy that a defense reaches."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ...core.errors import InvvizError
from ._measures import NONE, Mean, measure_of
from ._points import Point


@dataclasses.dataclass(frozen=True)
class Reference:
    """The rectangle in which a hypervolume is counted.

    Attributes:
        accuracy: its left side, share; nothing is gained by a net that knows no more than this.
        measure: its upper side, the undefended value; a defense that gives away more gains nothing.
        full: its right side, the undefended accuracy.
        zero: its lower side, the value of the measure that gives nothing away.
    """

    accuracy: float
    measure: float
    full: float
    zero: float

    def share(self, accuracy: Sequence[float], measure: Sequence[float]) -> float:
        """Hypervolume as a share of the rectangle, in [0, 1]; 1 keeps the undefended accuracy and gives nothing away."""
        # What is above the undefended accuracy or below zero is not counted twice over: 1 stays the most there is.
        area = hypervolume(np.minimum(accuracy, self.full), np.maximum(measure, self.zero), (self.accuracy, self.measure))
        return area / ((self.full - self.accuracy) * (self.measure - self.zero))


@dataclasses.dataclass(frozen=True)
class Volume:
    """Normalised hypervolume of a defense over its strengths: in [0, 1], interval over seeds, and the value of every seed."""

    defense: str
    volume: Mean
    seeds: tuple[tuple[int, float], ...]
    whole: bool


def hypervolume(accuracy: Sequence[float] | np.ndarray, measure: Sequence[float] | np.ndarray, reference: tuple[float, float]) -> float:
    """Area of all that some point dominates, up to a reference; points outside it add nothing.

    Args:
        accuracy: shape (n,), larger is better.
        measure: shape (n,), smaller is better.
        reference: lowest accuracy and highest measure that count.

    Returns:
        Area, at least 0, in units of accuracy times units of the measure.

    Example:
        >>> hypervolume([0.5, 1.0], [10.0, 20.0], (0.0, 30.0))
        15.0
    """
    a, m = np.asarray(accuracy, dtype=float), np.asarray(measure, dtype=float)
    inside = (a > reference[0]) & (m < reference[1])
    order = np.argsort(-a[inside])
    a, m = a[inside][order], m[inside][order]
    widths = a - np.append(a[1:], reference[0])
    return float((widths * (reference[1] - np.minimum.accumulate(m))).sum()) if len(a) else 0.0


def reference(found: Sequence[Point], chance: float = 0.0, seed: int | None = None) -> Reference:
    """The rectangle between the undefended point and (chance, nothing given away).

    Zero is 0 dB, SSIM 0 or InvRE 0. A guess that knows nothing, such as a grey picture, still gets some 10 dB, so by PSNR no defense comes
    near 1: compare volumes with each other, of one sweep, with the same strengths tried.

    Args:
        found: from `points`.
        chance: accuracy of guessing, 1 / classes where that is known.
        seed: of this seed alone; None is the mean over seeds.

    Raises:
        InvvizError: no undefended point, or it is no better than chance or gives nothing away, so that there is no rectangle.
    """
    bare = next((p for p in found if p.defense == NONE), None)
    if bare is None:
        raise InvvizError("There is no undefended point to measure defenses against. Add a cell without a defense to the sweep.")
    kind = measure_of(bare.measure)
    accuracy, value = bare.accuracy.value, bare.value.value
    if seed is not None:
        dot = next((d for d in bare.dots if d.seed == seed), None)
        if dot is None:
            raise InvvizError(f"Seed {seed} has no undefended point. Seeds that have one: {', '.join(str(d.seed) for d in bare.dots)}.")
        accuracy, value = dot.accuracy, dot.value
    if accuracy <= chance or value <= kind.zero:
        raise InvvizError(
            f"Without a defense, accuracy is {accuracy:.3g} (chance: {chance:.3g}) and {kind.title} is {value:.3g} (zero: {kind.zero:g}): "
            "there is nothing to lose or to hide. Train longer, or choose another measure or attack."
        )
    return Reference(chance, value, accuracy, kind.zero)


def volumes(found: Sequence[Point], chance: float = 0.0) -> list[Volume]:
    """Normalised hypervolume of every defense, largest first: computed for each seed against its own undefended point, then averaged.

    Seeds that lack a strength of the defense or the undefended point are left out: with fewer points they would hold less.

    Args:
        found: from `points`.
        chance: as in `reference`.

    Raises:
        InvvizError: as in `reference`.
    """
    bare = {d.seed for p in found if p.defense == NONE for d in p.dots}
    reference(found, chance)  # refuses in words what has no rectangle
    results = []
    for defense in dict.fromkeys(p.defense for p in found if p.defense != NONE):
        mine = [p for p in found if p.defense == defense]
        seeds = sorted(bare.intersection(*({d.seed for d in p.dots} for p in mine)))
        each = []
        for seed in seeds:
            dots = [d for p in mine for d in p.dots if d.seed == seed]
            each.append((seed, reference(found, chance, seed).share([d.accuracy for d in dots], [d.value for d in dots])))
        results.append(Volume(defense, Mean.of([v for _, v in each], (0.0, 1.0)), tuple(each), all(p.whole for p in mine)))
    return sorted(results, key=lambda v: -np.nan_to_num(v.volume.value, nan=-1.0))
