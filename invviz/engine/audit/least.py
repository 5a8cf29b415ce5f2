"""The least Gaussian noise in place of the present one: for the most exposed record where the spectrum is exact, for the mean where it is a sketch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...defenses import DEFENSES
from ...risk import psnr_interval, psnr_of, sample_losses, total_sigma
from ..calibrate_noise import Least, least_strength
from ..summary import noise_variance
from .findings import BY_MEAN, BY_RECORD, LeastNoise

if TYPE_CHECKING:
    from ...risk import Decomposition
    from ...scenario import Scenario
    from ..results import Assessment

GAIN = 1.0  # dB over what somebody has who sees no message: up to there a record counts as hidden (`metrics.word_of_share`)
DIGITS = 2  # of a standard deviation that a sketch tells
WHOSE = {BY_RECORD: " of the most exposed record", BY_MEAN: ", by the sketch's cautious end,"}

Level = Callable[[float], float]  # standard deviation of all noise on an entry -> expected best in dB


def least_noise(scenario: Scenario, found: Assessment, ceiling: float | None) -> LeastNoise:
    """The least Gaussian noise in place of the present one; what else the defenses do stays.

    Args:
        scenario: of the audit.
        found: its spectrum.
        ceiling: wanted, in dB; None: one decibel above what somebody has who sees no message.
    """
    d = found.decomposition
    wanted = psnr_of(d.trace / d.size) + GAIN if ceiling is None else float(ceiling)
    low, high = levels(d)
    by = BY_MEAN if d.method == "sketch" else BY_RECORD
    now = high(total_sigma(d, scenario.floor, noise_variance(scenario, found.size, found.stages)))
    if scenario.coloured:
        why = f"{scenario.coloured.name} is part of the spectrum; audit the net without it to see the least Gaussian noise"
        return LeastNoise(wanted, reason=why, by=by, now=now)
    noise = DEFENSES["gaussian_noise"]()

    def least(level: Level) -> Least:
        return least_strength(scenario, noise, d, found.size, found.stages and (found.stages[-1],), wanted, level, WHOSE[by])

    enough = least(high)
    if enough.strength is None:
        return LeastNoise(wanted, reason=enough.reason, by=by, now=now)
    if by == BY_RECORD:
        sigma = float(f"{math.nextafter(float(enough.strength) * (1 + 1e-4), math.inf):.5g}")  # rounded up, so that the ceiling is kept
        ends = (sigma, sigma)
    else:
        sigma = rounded(float(enough.strength), up=True)
        fewer = least(low).strength
        ends = (0.0 if fewer is None else min(sigma, rounded(float(fewer), up=False)), sigma)
    return LeastNoise(wanted, sigma, noise.replace(sigma=sigma).text(), by=by, now=now, interval=ends)


def levels(d: Decomposition) -> tuple[Level, Level]:
    """The expected best that is to come down, at any noise, its least and its most.

    Exact: twice that of the most exposed record (T7). Of a sketch: the ends of the mean's interval, and no less than what is known of any record alone.
    """
    loss = sample_losses(d)
    each = d.size // d.shape[0]

    def worst(sigma: float) -> float:
        return psnr_of(float(loss(sigma).min()) / each)

    if d.method != "sketch":
        return worst, worst
    return lambda sigma: max(psnr_interval(d, sigma)[0], worst(sigma)), lambda sigma: max(psnr_interval(d, sigma)[1], worst(sigma))


def rounded(value: float, up: bool) -> float:
    """To DIGITS digits, to the side asked for.

    Example:
        >>> rounded(1.4009, True), rounded(1.4009, False)
        (1.5, 1.4)
    """
    step = 10.0 ** (math.floor(math.log10(value)) - DIGITS + 1)
    return float(f"{(math.ceil if up else math.floor)(value / step) * step:.{DIGITS}g}")
