"""How strong a defense is: a step weaker or stronger, and the least strength that is enough."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from ..core.types import Size
from ..defenses import Defense
from ..risk import Decomposition, psnr_ceiling, psnr_of, total_sigma
from ..scenario import Scenario
from .summary import noise_variance

FACTOR = 3.0  # between weaker, as it is, and stronger
BESIDE = 1e-3  # how far from its end the weakest strength is taken, as an end may stand for no noise at all
RANGE = 1e-12  # weakest strength that is looked at, as a share of the strongest


def rising(defense: Defense) -> bool:
    """Whether a larger number is more of the defense."""
    return float(defense.identity) <= float(defense.strength_knob().default)


def shifted(defense: Defense, stronger: bool) -> Defense | None:
    """The same defense about three times as strong or as weak; None where its knob ends before."""
    knob, now = defense.strength_knob(), float(getattr(defense, defense.strength))
    up = stronger == rising(defense)
    low, high = -math.inf if knob.low is None else knob.low, math.inf if knob.high is None else knob.high
    if isinstance(knob.default, int):
        new = min(max(round(now * 2 if up else now / 2), low), high)
    elif not knob.log and high <= 1:  # a share: what is left is what counts, once it is less than half
        new = now * FACTOR if up else now / FACTOR
        if now > 0.5 or new > 0.5:
            new = 1 - (1 - now) / FACTOR if up else max(0.0, 1 - (1 - now) * FACTOR) if now < 1 else 1 / FACTOR
    else:
        new = now * FACTOR if up else now / FACTOR
    new = float(f"{min(max(new, low), high):.3g}")
    return None if new == now else defense.replace(**{defense.strength: new})


@dataclasses.dataclass(frozen=True)
class Least:
    """The least strength that is enough, or why there is none."""

    strength: float | int | None
    reason: str = ""
    ceiling: float | None = None  # PSNR ceiling there, dB
    energy: float | None = None  # expected squared norm of the noise over the message's squared norm
    harm: float | None = None  # energy of isotropic noise that would raise the loss as much, to second order


def solvable(defense: Defense) -> bool:
    """Whether its strength moves noise alone, so that one spectrum serves all strengths."""
    if defense.coloured or not defense.noisy:
        return False
    other = shifted(defense, stronger=True) or shifted(defense, stronger=False)
    return other is not None and other.for_risk() == defense.for_risk()


def least_strength(
    scenario: Scenario, defense: Defense, decomposition: Decomposition, size: Size, stages: Sequence[Size], target: float,
    level: Callable[[float], float] | None = None, whose: str = "",
) -> Least:  # fmt: skip
    """The least strength of a noise defense at which the PSNR ceiling, or another level, comes down to a target, in closed form on one spectrum.

    Args:
        scenario: gives batch and floor; the defense stands alone in it.
        defense: its other knobs are kept. One for which `solvable` holds.
        decomposition: of the release with all of this defense but its noise.
        size: of the noise-free message, as kept beside that spectrum.
        stages: likewise; as in `noise_variance`.
        target: wanted PSNR ceiling in dB.
        level: what is to come down to it, in dB, by the standard deviation of all noise on an entry, falling with it; None: the PSNR ceiling over the batch.
        whose: expected best that is, in words behind these two.

    Returns:
        Of a knob of whole numbers the weakest one that reaches the target; otherwise the strength at which the ceiling is the target.
    """
    d = decomposition

    def at(value: float) -> tuple[float, float]:
        knob = defense.strength_knob()
        changed = dataclasses.replace(defense, **{defense.strength: int(value) if isinstance(knob.default, int) else float(value)})
        variance = noise_variance(scenario.replace(defense=(changed,)), size, stages)
        sigma = total_sigma(d, scenario.floor, variance)
        return (psnr_ceiling(d, sigma) if level is None else level(sigma)), variance * size.count / max(size.norm**2, 1e-300)

    knob = defense.strength_knob()
    if knob.low is None or knob.high is None:
        return Least(None, "its knob has no end to search up to")
    weak, strong = (knob.low, knob.high) if rising(defense) else (knob.high, knob.low)
    if refused := _out_of_reach(at(float(defense.identity))[0], at(strong)[0], d, target, whose):
        return Least(None, refused)
    if isinstance(knob.default, int):
        step = 1 if strong > weak else -1
        value: float | int = next(v for v in range(int(weak), int(strong) + step, step) if at(v)[0] <= target)
    else:
        value = _root(lambda v: at(v)[0] - target, weak, strong)
    ceiling, energy = at(value)
    return Least(value, "", ceiling, energy, energy)  # isotropic noise is its own measure


def least_on_ladder(points: Sequence[tuple[float, float, float, float | None]], target: float) -> Least:
    """The same of a defense whose spectrum changes with its strength, between strengths at which the ceiling was computed.

    Args:
        points: (strength, PSNR ceiling in dB, energy, harm if known), strengths above 0; interpolated by PCHIP over the logarithm of the strength.
        target: wanted PSNR ceiling in dB.
    """
    from scipy.interpolate import PchipInterpolator  # slow to import

    rungs = sorted(points)
    if len(rungs) < 2:
        return Least(None, "its ceiling is known at too few strengths")
    x, y = np.log([rung[0] for rung in rungs]), np.array([rung[1] for rung in rungs])
    y = np.minimum.accumulate(y) if y[-1] <= y[0] else np.maximum.accumulate(y)
    if target >= y.max():
        return Least(None, f"already at most {y.max():.1f} dB at the weakest strength that was computed")
    if target < y.min():
        return Least(None, f"the strongest strength that was computed leaves {y.min():.1f} dB")
    curve = PchipInterpolator(x, y)
    found = _zero(lambda at: float(curve(at)) - target, float(x[0]), float(x[-1]))
    costs = [_read(found, x, [rung[place] for rung in rungs]) for place in (2, 3)]
    return Least(math.exp(found), "", target, *costs)


def _read(at: float, x: np.ndarray, values: Sequence[float | None]) -> float | None:
    """Between values that are all known, on a log axis."""
    known = [v for v in values if v is not None]
    return math.exp(np.interp(at, x, np.log(np.maximum(known, 1e-300)))) if len(known) == len(values) else None


def psnr_target(aim: str, value: float, decomposition: Decomposition) -> float:
    """A wanted ceiling in dB, from one in dB ("ceiling") or from a wanted InvRE ("invre")."""
    d = decomposition
    return value if aim == "ceiling" else psnr_of((1 - min(value, 1.0)) * d.trace / d.size)


def _out_of_reach(without: float, strongest: float, d: Decomposition, target: float, whose: str) -> str:
    """Why no strength is the answer, in words; empty where one is."""
    if without <= target:
        return f"not needed: without it the expected best{whose} is {without:.1f} dB"
    blind = psnr_of(d.trace / d.size)
    if target < blind:
        return f"out of reach: who sees no message at all and guesses has {blind:.1f} dB on average"
    if strongest > target:
        return f"out of reach: its strongest setting leaves {strongest:.1f} dB"
    return ""


def _root(excess: Callable[[float], float], weak: float, strong: float) -> float:
    """Where the excess over the target is zero, found on a log axis between the weakest and the strongest value of a knob."""
    far = max(weak, strong)
    near = max(min(weak, strong), far * RANGE)
    ends = (near, far) if strong > weak else (far, near)
    if excess(ends[0]) <= 0:
        return ends[0]
    beside = ends[0] * (1 + BESIDE if strong > weak else 1 - BESIDE)
    if excess(beside) <= 0:  # the weakest value is "off", and whatever is not off is enough
        return beside
    ends = (beside, ends[1])
    return math.exp(_zero(lambda x: excess(math.exp(x)), math.log(ends[0]), math.log(ends[1])))


def _zero(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq  # slow to import

    return float(brentq(function, low, high, xtol=1e-13))  # type: ignore[arg-type]
