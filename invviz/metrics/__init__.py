"""How close a guess is to the truth."""

from ._assignment import match
from ._base import Metric
from ._words import EXACT, GAINS, TELLS, WORDS, Baseline, decibels, quality, rank, tells, word, word_of_share
from .cells import Cells
from .correlation import Correlation
from .edit_distance import EditDistance
from .lpips import LPIPS
from .mse import MSE
from .psnr import PSNR
from .rouge_1 import Rouge1
from .rouge_2 import Rouge2
from .ssim import SSIM
from .token_accuracy import TokenAccuracy

METRICS: dict[str, type[Metric]] = {
    "mse": MSE,
    "psnr": PSNR,
    "ssim": SSIM,
    "lpips": LPIPS,
    "cells": Cells,
    "token_accuracy": TokenAccuracy,
    "rouge_1": Rouge1,
    "rouge_2": Rouge2,
    "edit_distance": EditDistance,
    "correlation": Correlation,
}

__all__ = [
    "EXACT",
    "GAINS",
    "LPIPS",
    "METRICS",
    "MSE",
    "PSNR",
    "SSIM",
    "TELLS",
    "WORDS",
    "Baseline",
    "Cells",
    "Correlation",
    "Metric",
    "decibels",
    "match",
    "quality",
    "rank",
    "tells",
    "word",
    "word_of_share",
]
