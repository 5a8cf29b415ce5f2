"""The measures of privacy that a curve can show, and means with their intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.errors import InvvizError

Table = Any
"""A pandas DataFrame or Series, whose published types refuse half of what they can do."""
CAP = 60.0  # dB: a root mean square error of 0.001, a quarter of one of 256 grey levels; beyond it is the same picture, and inf has no mean
NONE = "none"  # label of the undefended cells
SETTING = ("data", "model", "protocol", "train", "batch")  # what all points of one curve have in common
AT = ("defense", "strength_name", "strength")
CELL = (*SETTING, *AT, "seed", "picture")
SCORES = ("psnr_unaware", "psnr_aware", "ssim_unaware", "ssim_aware", "psnr_ceiling", "invre")
COLUMNS = ("scenario", "state", "reason", "attack", *CELL, "accuracy", *SCORES)


@dataclasses.dataclass(frozen=True)
class Measure:
    """What an attacker gets, as the y axis of a curve.

    Attributes:
        title: of the axis.
        unit: "dB" or "".
        format: of one number, for `format`.
        says: words before the number in a sentence.
        columns: of the rows it is the largest of.
        cap: larger values, infinity too, count as this.
        ends: between which every value lies by its definition, and so every mean and its interval.
        zero: the value that stands for nothing given away; where the hypervolume ends.
        attacked: whether an attack is run for it.
        lower_is_private: always so.
    """

    title: str
    unit: str
    format: str
    says: str
    columns: tuple[str, ...]
    cap: float = np.inf
    ends: tuple[float, float] = (0.0, CAP)  # of a PSNR: pictures in [0, 1] are no further apart than 1
    zero: float = 0.0
    attacked: bool = True
    lower_is_private: bool = True


PRIVACY: dict[str, Measure] = {
    "strongest": Measure("PSNR of the strongest attack", "dB", ".1f", "the strongest attack gets", ("psnr_unaware", "psnr_aware"), CAP),
    "unaware": Measure("PSNR of the strongest unaware attack", "dB", ".1f", "the strongest unaware attack gets", ("psnr_unaware",), CAP),
    "aware": Measure("PSNR of the strongest aware attack", "dB", ".1f", "the strongest aware attack gets", ("psnr_aware",), CAP),
    "ssim": Measure(
        "SSIM of the strongest attack", "", ".2f", "the strongest attack gets an SSIM of", ("ssim_unaware", "ssim_aware"), ends=(-1.0, 1.0)
    ),
    "cells": Measure(
        "Cells right, strongest attack",
        "",
        ".2f",
        "the strongest attack has right a share of the cells of",
        ("cells_unaware", "cells_aware"),
        ends=(0.0, 1.0),
    ),  # of rows of a table
    "tokens": Measure(
        "Words right, strongest attack",
        "",
        ".2f",
        "the strongest attack has right a share of the words of",
        ("tokens_unaware", "tokens_aware"),
        ends=(0.0, 1.0),
    ),  # of sentences
    "ceiling": Measure("Expected best", "dB", ".1f", "the ideal attacker gets", ("psnr_ceiling",), CAP, attacked=False),
    "invre": Measure("InvRE", "", ".2f", "the share recovered (InvRE) is", ("invre",), ends=(0.0, 1.0), attacked=False),
}


LATER = tuple(name for score in ("cells", "tokens") for name in PRIVACY[score].columns)
"""Columns that tables made before samples other than pictures may lack."""


def reached(rows: Table, who: str) -> Table:
    """How far the attack of each row got, by which the stronger one is told: PSNR, of sentences the share of words that are right; larger is stronger. `who` is "unaware" or "aware"."""
    psnr, words = rows[f"psnr_{who}"], f"tokens_{who}"
    return psnr.fillna(rows[words]) if words in rows else psnr


@dataclasses.dataclass(frozen=True)
class Mean:
    """A mean and its 95 % interval; None where there is nothing to take an interval from."""

    value: float
    interval: tuple[float, float] | None = None

    @classmethod
    def of(cls, each: Sequence[float], ends: tuple[float, float]) -> Mean:
        """Mean of independent values with Student's t interval; nan of none, no interval of one.

        Of few values that interval may reach beyond what a mean can be. It ends there: that takes away impossible means alone, so the interval holds the
        true one as often as before.

        Args:
            each: the values.
            ends: between which they lie by definition.

        Example:
            >>> Mean.of([1.0], (0.0, 1.0)), Mean.of([0.9, 1.0], (0.0, 1.0)).interval[1]
            (Mean(value=1.0, interval=None), 1.0)
        """
        known = np.asarray(each, dtype=float)
        known = known[np.isfinite(known)]
        if len(known) < 2:
            return cls(float(known[0]) if len(known) else float("nan"))
        from scipy.special import stdtrit  # slow to import

        half = float(stdtrit(len(known) - 1, 0.975) * known.std(ddof=1) / np.sqrt(len(known)))
        middle = float(known.mean())
        return cls(middle, (max(middle - half, min(ends[0], middle)), min(middle + half, max(ends[1], middle))))


def measure_of(name: str) -> Measure:
    """One of PRIVACY.

    Raises:
        InvvizError: there is no such measure.
    """
    if name not in PRIVACY:
        raise InvvizError(f"There is no measure of privacy {name!r}. Choose one of: {', '.join(PRIVACY)}.")
    return PRIVACY[name]


def checked(rows: Table) -> Table:
    """The same rows, once they can be read.

    Raises:
        InvvizError: columns are missing, or an accuracy is not a share.
    """
    if absent := [name for name in COLUMNS if name not in rows]:
        raise InvvizError(f"The rows of this sweep have no column {', '.join(absent)}. A sweep's table has: {', '.join(COLUMNS)}.")
    accuracy = rows["accuracy"].dropna()
    if len(outside := accuracy[(accuracy < 0) | (accuracy > 1)]):
        raise InvvizError(f"An accuracy of {outside.iloc[0]:g} was given. Accuracies are shares from 0 to 1: divide percentages by 100.")
    return rows


def shares(given: Sequence[float], name: str) -> None:
    """Refuse what is no share.

    Raises:
        InvvizError: one of them is not in [0, 1].
    """
    if wrong := [value for value in given if not 0 <= value <= 1]:
        raise InvvizError(f"{name} of {wrong[0]:g} was given. Give a share of accuracy from 0 to 1, such as 0.01 for 1 point.")
