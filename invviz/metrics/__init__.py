"""How close a guess is to the truth."""

from ._assignment import match
from ._base import Metric
from ._words import EXACT, GAINS, WORDS, Baseline, decibels, quality, rank, word, word_of_share
from .cells import Cells
from .lpips import LPIPS
from .mse import MSE
from .psnr import PSNR
from .ssim import SSIM

METRICS: dict[str, type[Metric]] = {"mse": MSE, "psnr": PSNR, "ssim": SSIM, "lpips": LPIPS, "cells": Cells}

__all__ = [
    "EXACT",
    "GAINS",
    "LPIPS",
    "METRICS",
    "MSE",
    "PSNR",
    "SSIM",
    "WORDS",
    "Baseline",
    "Cells",
    "Metric",
    "decibels",
    "match",
    "quality",
    "rank",
    "word",
    "word_of_share",
]
