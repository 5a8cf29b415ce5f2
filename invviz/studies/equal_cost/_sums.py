"""Defenses compared where they cost the same: strengths found between those that were tried, intervals by drawing pictures and seeds again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...defenses import GaussianNoise
from ..statistics import RESAMPLES, interval, weights

BASELINE = GaussianNoise.name
FIGURES = ("accuracy", "unaware", "aware", "real", "ceiling", "energy")
EACH = ("unaware", "aware", "ceiling", "energy")  # known for every strength, seed and picture; accuracy for every strength and seed


def rising(curves: np.ndarray) -> np.ndarray:
    """The never falling curves nearest to the given ones (least squares), each along the last axis.

    Example:
        >>> rising(np.array([[0.0, 2.0, 1.0, 4.0]])).tolist()
        [[0.0, 1.5, 1.5, 4.0]]
    """
    count = curves.shape[-1]
    sums = np.concatenate([np.zeros((*curves.shape[:-1], 1)), curves.cumsum(-1)], -1)
    found = []
    for i in range(count):
        means = [[(sums[..., k + 1] - sums[..., j]) / (k + 1 - j) for k in range(i, count)] for j in range(i + 1)]
        found.append(np.max([np.min(after, axis=0) for after in means], axis=0))
    return np.stack(found, -1)


def crossing(x: np.ndarray, curves: np.ndarray, target: float) -> tuple[np.ndarray, np.ndarray]:
    """Where never falling curves come to a target, straight between the points, and whether they do; else the nearer end.

    Args:
        x: ascending, shape (points,).
        curves: shape (resamples, points).
        target: their wanted height.

    Returns:
        Places on x, shape (resamples,), and -1 where the curve starts above the target, 1 where it stays below, else 0.
    """
    over, rows = curves >= target, np.arange(len(curves))
    never = ~over.any(1)
    first = np.where(never, len(x) - 1, over.argmax(1))
    before = np.maximum(first - 1, 0)
    low, high = curves[rows, before], curves[rows, first]
    share = np.where(high > low, (target - low) / np.where(high > low, high - low, 1.0), 1.0).clip(0, 1)
    missed = np.where(never, 1, np.where(curves[:, 0] > target, -1, 0))
    return x[before] + share * (x[first] - x[before]), missed


def read(x: np.ndarray, curves: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Heights of curves, shape (resamples, points), at one place each, straight between the points."""
    left = (np.searchsorted(x, places, side="right") - 1).clip(0, len(x) - 2)
    rows = np.arange(len(curves))
    share = (places - x[left]) / (x[left + 1] - x[left])
    return curves[rows, left] * (1 - share) + curves[rows, left + 1] * share


def means(arm: Mapping[str, Any], seeds: np.ndarray, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of a defense over its strengths in every resample, each of shape (resamples, strengths); energies by their logarithm."""
    found = {"accuracy": np.einsum("sk,rk->rs", np.asarray(arm["accuracy"]), seeds)}
    for name in EACH:
        each = np.asarray(arm[name], dtype=float)
        each = np.log(np.maximum(each, 1e-300)) if name == "energy" else each
        found[name] = np.einsum("skn,rk,rn->rs", each, seeds, pictures, optimize=True)
    return found


def compare(
    arms: Mapping[str, Mapping[str, Any]], bare: Mapping[str, Any], kind: str, target: float, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """What attackers see of every defense at the strength where it costs a target, and how that differs from isotropic noise.

    Pictures and seeds are drawn with replacement, the same ones for all defenses, so that differences are paired; the strength is found
    anew in every resample. "real" is the better of the two real attackers by their means.

    Args:
        arms: by name: strengths (ascending); accuracy, shape (strengths, seeds); what EACH names, shape (strengths, seeds, pictures).
        bare: the same without a defense, with one strength.
        kind: "accuracy" (the target is a drop of accuracy below the undefended one of the same seeds) or "energy" (of the noise).
        target: in shares.
        resamples: for intervals.
        seed: of the resampling.

    Returns:
        By name: strength and each of FIGURES as [value, low, high] of a 95 % interval; "missed" as in `crossing`; "told", what the
        aware attack gets beyond the unaware one; "less", the same figures
        minus those of isotropic noise (energies: their ratio).
    """
    count_seeds, count_pictures = np.asarray(bare["unaware"]).shape[1:]
    seeds, pictures = weights(count_seeds, resamples, seed), weights(count_pictures, resamples, seed + 1)
    whole = means(bare, seeds, pictures)["accuracy"]
    drawn, found = {}, {}
    for name, arm in arms.items():
        x, curves = np.log(np.asarray(arm["strengths"])), means(arm, seeds, pictures)
        cost = whole - curves["accuracy"] if kind == "accuracy" else curves["energy"]
        places, missed = crossing(x, rising(cost), target if kind == "accuracy" else float(np.log(target)))
        here = {k: read(x, curve, places) for k, curve in curves.items()}
        drawn[name] = here | {"real": np.maximum(here["unaware"], here["aware"])}
        found[name] = {"strength": ends(np.exp(places)), "missed": int(missed[0]), "told": ends(here["aware"] - here["unaware"])}
    for name, here in drawn.items():
        gaps = {k: here[k] - drawn[BASELINE][k] for k in FIGURES}
        found[name] |= {k: ends(np.exp(here[k]) if k == "energy" else here[k]) for k in FIGURES}
        found[name]["less"] = {k: ends(np.exp(gaps[k]) if k == "energy" else gaps[k]) for k in FIGURES}
    return found


def ends(values: np.ndarray) -> list[float]:
    """The first value, that of the sample itself, and the ends of the 95 % percentile interval of the others."""
    return [float(values[0]), *interval(values[1:])]


def per_strength(arm: Mapping[str, Any], resamples: int = RESAMPLES, seed: int = 0) -> list[dict[str, list[float]]]:
    """The figures at every strength that was tried, as [value, low, high] each."""
    shape = np.asarray(arm["unaware"]).shape
    curves = means(arm, weights(shape[1], resamples, seed), weights(shape[2], resamples, seed + 1))
    return [{k: ends(np.exp(c[:, s]) if k == "energy" else c[:, s]) for k, c in curves.items()} for s in range(shape[0])]
