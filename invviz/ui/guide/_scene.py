"""What a stop shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...metrics import EXACT, Baseline, quality, word


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """One picture of a scene.

    Attributes:
        role: whose it is, a name of `[pictures]` in the words of a language; "plain" of a scale.
        pixels: shape (1, c, h, w) in [0, 1] or uint8.
        said: a figure beneath it, as English writes it.
        unit: what the figure is, a name of `[pictures]` again; empty where it says that itself.
        also: a second figure, where the unit names two.
    """

    role: str
    pixels: np.ndarray
    said: str = ""
    unit: str = ""
    also: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A prepared scene of a stop.

    Attributes:
        figures: by their name in the stop's words, as English writes them.
        answer: place of the answer among the options or on the scale.
        before: pictures that are shown at once.
        after: pictures that are the answer.
        options: two pictures to choose from; their figures are shown with the answer. Empty where the options are words, or a scale.
        scale: pictures from nothing to everything, on which a guess is set; their figures are shown with the answer.
        spectrum: singular values, the noise floor and the places of the two options among them, shown with the answer.
        shares: whether the answer ends with what InvRE is a share of, in pictures.
        without: how good what needs no message is of the picture, from which the words for pictures count; None where none is said.
        built: whether what the answer calls not built here is built by now.
    """

    figures: Mapping[str, str]
    answer: int
    before: tuple[Picture, ...] = ()
    after: tuple[Picture, ...] = ()
    options: tuple[Picture, ...] = ()
    scale: tuple[Picture, ...] = ()
    spectrum: tuple[np.ndarray, float, tuple[int, int]] | None = None
    without: Baseline | None = None
    built: bool = False
    shares: bool = False


def in_short(psnr: Any, ssim: Any = float("nan"), baseline: Baseline | None = None) -> str:
    """Word and PSNR of a guess, and that its structure is why where its PSNR alone would not give that word. Arguments as of `metrics.quality`.

    Of one that is exact to rounding that alone is said, for its decibels are those of rounding.
    """
    if np.min(psnr) >= EXACT:
        return "exact"
    structure = baseline is not None and word(psnr, np.full(np.shape(psnr), np.nan), baseline) != word(psnr, ssim, baseline)
    return quality(psnr, ssim, baseline, " by structure, " if structure else ", ")
