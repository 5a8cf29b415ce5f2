"""How close a guess is to the truth."""

from ._assignment import match
from ._base import Metric
from .cells import Cells
from .lpips import LPIPS
from .mse import MSE
from .psnr import PSNR
from .ssim import SSIM

METRICS: dict[str, type[Metric]] = {"mse": MSE, "psnr": PSNR, "ssim": SSIM, "lpips": LPIPS, "cells": Cells}

__all__ = ["LPIPS", "METRICS", "MSE", "PSNR", "SSIM", "Cells", "Metric", "match"]
