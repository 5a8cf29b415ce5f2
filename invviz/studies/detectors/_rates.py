"""Thresholds from one half of the honest nets, false alarms on the other, and how many planted nets are caught."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...defenses.detectors import DETECTORS
from ._scores import BY_RULE, COLUMNS, SIGNALS, STRUCTURE

if TYPE_CHECKING:
    from ._honest import Scores

RATE = 0.01  # of false alarms
ALARMS = 10  # expected false alarms below which a rate is only roughly known ...
FEWEST = 100  # ... and nets below which 1 % is not tried: the threshold is then the largest score of all
LEAST_LIMIT = 0.05  # of a signal that honest nets do not have at all
POINTS = 60  # of a curve


def interval(count: float, of: float) -> tuple[float, float]:
    """Ends of the 95 % Clopper-Pearson interval of a share; counts need not be whole, as `apart` makes them.

    Example:
        >>> tuple(round(end, 4) for end in interval(0, 100))
        (0.0, 0.0362)
    """
    from scipy.special import betaincinv  # slow to import

    low = float(betaincinv(count, of - count + 1, 0.025)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 0.975)) if count < of else 1.0
    return low, high


def apart(flags: np.ndarray, lines: np.ndarray) -> float:
    """How many nets that have nothing to do with one another tell as much of a share as these, of which several come of one start.

    The number over the design effect: the variance of the share by whole lines over that of as many independent nets (Rao and Scott 1992). Of no alarms, or nothing else: the lines.

    Args:
        flags: (n,), whether a net was flagged.
        lines: (n,), of the net.
    """
    own, place = np.unique(lines, return_inverse=True)
    total, nets = np.bincount(place, flags), np.bincount(place)
    share = flags.mean()
    if share in (0.0, 1.0) or len(own) < 2:
        return float(len(own))
    by_lines = ((total - share * nets) ** 2).sum() * len(own) / (len(own) - 1) / len(flags) ** 2
    return float(min(len(flags), share * (1 - share) / by_lines))


def threshold(values: np.ndarray, rate: float) -> float:
    """The least of the values that at most a share `rate` of them lies above."""
    return float(np.sort(values)[::-1][math.floor(rate * len(values))])


def limits(signals: np.ndarray, rate: float) -> np.ndarray:
    """A limit for each signal, such that at most a share `rate` of the nets has one above its own: all limits let the same number of nets pass by themselves.

    Args:
        signals: (n, signals).
        rate: of nets with any signal above its limit.
    """
    ordered = -np.sort(-signals, axis=0)
    best = ordered[0]
    for passed in range(len(signals)):
        if (signals > ordered[passed]).any(1).mean() > rate:
            break
        best = ordered[passed]
    return best


def quoted_rate(count: int) -> float:
    """The rate of false alarms that a threshold is set at: 1 %, of very few honest nets 0. What it comes to on others is measured."""
    return RATE if count >= FEWEST else 0.0


def score_of(name: str, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A detector's score of nets, (n,); NaN where it could not judge.

    Args:
        name: of the detector.
        rows: (n, columns).
        at: limits of the signals of weight structure.
    """
    if name == STRUCTURE:
        return (rows[:, : len(SIGNALS)] / np.maximum(at, 1e-9)).max(1)
    return rows[:, COLUMNS.index(name)]


def honest_rates(found: Scores) -> dict[str, Any]:
    """Of every detector its threshold, and its false alarms on nets that had no part in it."""
    own, test = found.scores[found.calibrate], found.scores[~found.calibrate]
    at = np.maximum(limits(own[:, : len(SIGNALS)], quoted_rate(len(test))), LEAST_LIMIT)
    told: dict[str, Any] = {}
    for name in DETECTORS:
        if name in BY_RULE:
            told[name] = {"by_rule": True, "threshold": 0.0, "rate": 0.0}
            continue
        calibrate, judged = (score_of(name, rows, at) for rows in (own, test))
        lines = found.line[~found.calibrate][~np.isnan(judged)]
        calibrate, kept = calibrate[~np.isnan(calibrate)], judged[~np.isnan(judged)]
        rate = quoted_rate(len(kept))
        most = 1.0 if name == STRUCTURE else threshold(calibrate, rate)
        alarms = int((kept > most).sum())
        kinds = [[int((judged[rows] > most).sum()), int((~np.isnan(judged[rows])).sum())] for rows in _kinds(found)]
        facts = {
            "threshold": most,
            "calibrated_on": len(calibrate),
            "tested_on": len(kept),
            "false_alarms": alarms,
            "rate": rate,
            "enough": rate * len(kept) >= ALARMS,
        }
        alone = apart(kept > most, lines)
        sure = interval(alarms / len(kept) * alone, alone)
        told[name] = {
            "by_rule": False,
            **facts,
            "lines": len(np.unique(lines)),
            "interval": sure,
            "kinds": kinds,
            "largest": float(calibrate.max()),
        }
    told[STRUCTURE]["limits"] = dict(zip(SIGNALS, map(float, at), strict=True))
    return told


def _kinds(found: Scores) -> list[np.ndarray]:
    """Which rows of the test half are of each kind of net."""
    kind = found.kind[~found.calibrate]
    return [kind == number for number in range(int(found.kind.max()) + 1)]


def caught(name: str, rows: np.ndarray, told: dict[str, Any], found: Scores) -> dict[str, Any]:
    """How many planted nets a detector flags at its threshold, and its curve.

    Args:
        name: of the detector.
        rows: scores of planted nets, (n, columns).
        told: of `honest_rates`.
        found: the honest nets, whose test half gives the false alarms of the curve.
    """
    at = np.array([told[STRUCTURE]["limits"][signal] for signal in SIGNALS])
    score = score_of(name, rows, at)
    score = score[~np.isnan(score)]
    if not len(score):
        return {"judged": 0}
    hits = int((score > told[name]["threshold"]).sum())
    facts = {"judged": len(score), "caught": hits, "share": hits / len(score), "interval": interval(hits, len(score))}
    if told[name]["by_rule"]:
        return facts
    honest = score_of(name, found.scores[~found.calibrate], at)
    return {**facts, "curve": curve(honest[~np.isnan(honest)], score)}


def curve(honest: np.ndarray, planted: np.ndarray) -> list[list[float]]:
    """Shares of honest and of planted nets above a threshold, from none to all, [[false, true], ...]; at most 60 points, more of them where few honest nets are above."""
    cuts = np.unique(np.concatenate([honest, planted]))[::-1]
    points = np.array([[0.0, 0.0], *[[(honest >= cut).mean(), (planted >= cut).mean()] for cut in cuts]])
    wanted = np.concatenate([np.linspace(0, 0.05, POINTS // 2), np.linspace(0.05, 1, POINTS // 2)])
    places = np.unique(np.searchsorted(points[:, 0], wanted, side="right") - 1)
    return [[round(float(x), 4) for x in points[place]] for place in places]
