"""A picture on the Lab's stage, and how good it is in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from ..core.modality import SERIES
from ..metrics import SSIM, Correlation, Metric, decibels, quality
from ..scenario import Scenario
from . import alts, lesson
from .victim import baseline, cells_unseen


def image(now: Scenario, png: bytes, alt: str) -> None:
    """A picture; a row of a table stands above as a table instead, a series as lines."""
    if not now.columns and now.data.modality is not SERIES:
        st.image(png, width="stretch", output_format="PNG", alt=alts.alt(alt))


def likeness(now: Scenario) -> Metric:
    """What stands beside the PSNR: the structural similarity of pictures, the correlation of series."""
    return Correlation() if now.data.modality is SERIES else SSIM()


def similar(now: Scenario, values: Sequence[float] | np.ndarray) -> Sequence[float] | np.ndarray:
    """Those of `likeness` that the word for a guess is chosen by: of series none, whose word rests on the error alone."""
    return np.full(len(values), np.nan) if now.data.modality is SERIES else values


def how_good(now: Scenario, truth: np.ndarray, psnr: Sequence[float], ssim: Sequence[float], cells: float) -> str:
    """How good a guess is, in a few words, where the link of a class does not hide that; `ssim` are those of `likeness`."""
    if lesson.hidden("score"):
        return lesson.NO_SCORE
    if now.columns:
        mean = cells_unseen(now, truth)
        without = "" if mean is None else f" ({100 * mean:.0f} % without a message: the mean row)"
        return f"**{100 * cells:.0f} % of the cells right**{without} · {decibels(float(np.mean(psnr)))}"
    alike = float(np.mean(ssim))
    name = "correlation" if now.data.modality is SERIES else "SSIM"
    return f"**{quality(psnr, similar(now, ssim), baseline(now, truth), '** · ')}" + ("" if np.isnan(alike) else f" · {name} {alike:.2f}")


def level(psnr: float) -> str:
    """A PSNR in words, where the link of a class does not hide it."""
    return lesson.NO_SCORE if lesson.hidden("score") else decibels(psnr)


def level_of_words(right: float, pairs: float) -> str:
    """Of sentences, the share of words that are right and ROUGE-2, where the link of a class does not hide it."""
    return lesson.NO_SCORE if lesson.hidden("score") else f"**{100 * right:.0f} % of the words right** · ROUGE-2 {pairs:.2f}"
