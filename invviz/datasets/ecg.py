"""Electrocardiograms of invented persons, made from waves: series that are there without any network."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import ClassVar

import numpy as np

from ._base import Samples
from ._series import Lines, SeriesSet

VICTIMS, PUBLIC = 400, 2_000
RATE = 64  # values a second
LENGTH = 192
CLASSES = ("normal rhythm", "fast rhythm", "early wide beat", "irregular, no P waves")
NORMAL, FAST, EARLY, IRREGULAR = range(4)

# Of each wave: its middle, counted from the R peak in seconds; its height in mV; its width (standard deviation) in seconds. Typical numbers, as textbooks draw them.
WAVES = {
    "P": (-0.17, 0.15, 0.025),
    "Q": (-0.035, -0.12, 0.012),
    "R": (0.0, 1.0, 0.014),
    "S": (0.035, -0.25, 0.013),
    "T": (0.26, 0.32, 0.05),
}
WIDE = {"R": (0.0, 1.1, 0.045), "S": (0.10, -0.45, 0.04), "T": (0.32, -0.35, 0.06)}  # a beat that begins in a ventricle


@dataclasses.dataclass(frozen=True)
class Ecg(SeriesSet):
    """Synthetic electrocardiograms: 3 seconds of one lead, 64 values a second, 2,000 public ones and 400 private ones, of four rhythms.

    Every beat is a sum of normal waves P, Q, R, S, T (as in the model of the paper, without its differential equations); each person has heights, times, a heart rate, a wandering
    baseline and noise of its own, drawn with a fixed seed. -1 mV becomes 0 and 2 mV becomes 1; no value lies beyond.
    """

    name: ClassVar[str] = "ecg"
    title: ClassVar[str] = "ECG (synthetic series)"
    paper: ClassVar[str] = "mcsharry2003ecg"
    num_classes: ClassVar[int] = len(CLASSES)
    side: ClassVar[int] = LENGTH
    ends: ClassVar[tuple[float, float]] = (-1.0, 2.0)
    unit: ClassVar[str] = "mV"
    seconds: ClassVar[float] = LENGTH / RATE
    citation: ClassVar[str] = "Made here; every person in it is invented, and no heart beats like this in all respects."

    def load(self, data_dir: Path | None) -> Samples:
        """Make the series; needs no folder."""
        return _load()


@functools.lru_cache(maxsize=1)
def _load() -> Samples:
    rng = np.random.default_rng(0)
    private, public = (_made(count, rng) for count in (VICTIMS, PUBLIC))
    return Samples(private, public, CLASSES)


def _made(count: int, rng: np.random.Generator) -> Lines:
    labels = rng.integers(0, len(CLASSES), count)
    return Lines.of(np.stack([[_person(int(label), rng)] for label in labels]), *Ecg.ends, labels)


def _person(label: int, rng: np.random.Generator) -> np.ndarray:
    """The record of one person in mV, shape (LENGTH,)."""
    time = np.arange(LENGTH) / RATE
    rate = rng.uniform(105, 150) if label == FAST else rng.uniform(55, 90)  # beats a minute
    heights, shift = rng.normal(1, 0.15, len(WAVES)), rng.normal(0, 0.008, len(WAVES))
    every = 60 / rate
    beats = _beats(label, every, rng)
    early = int(rng.integers(1, len(beats) - 1)) if label == EARLY else -1
    if early >= 0:
        beats[early] -= 0.3 * every  # it comes too soon; the pause behind it makes up for that
    lead = 0.02 * np.sin(2 * np.pi * (0.3 * time + rng.random())) * rng.uniform(0.5, 2)  # breathing moves the baseline
    waves = []
    for number, beat in enumerate(beats):
        for k, (name, (middle, height, width)) in enumerate((WIDE if number == early else WAVES).items()):
            if name != "P" or label != IRREGULAR:
                pulled = (every / 0.8) ** 0.5 if name in ("P", "T") else 1.0  # a faster heart recovers sooner
                waves.append((beat + pulled * middle + shift[k], height * heights[k], width))
    at, height, width = np.array(waves).T[..., None]
    lead += (height * np.exp(-0.5 * ((time - at) / width) ** 2)).sum(0)
    if label == IRREGULAR:
        lead += 0.04 * np.sin(2 * np.pi * (rng.uniform(5, 8) * time + rng.random()))  # the atria flutter
    return lead + 0.01 * rng.standard_normal(LENGTH)


def _beats(label: int, every: float, rng: np.random.Generator) -> np.ndarray:
    """When the R peaks come, in seconds, from before the record to behind it."""
    spread = 0.22 if label == IRREGULAR else 0.03
    gaps = every * np.maximum(rng.normal(1, spread, int(LENGTH / RATE / every) + 4), 0.55)
    return np.cumsum(gaps) - every * (1 + rng.random())
