"""InvRE: the risk as one number, and the picture quality it allows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .invloss import invloss, invloss_interval

if TYPE_CHECKING:
    from .decomposition import Decomposition

MAX_PSNR = 200.0  # dB; stands for "no error at all", so that every figure stays finite


def invre(dec: Decomposition, sigma: float) -> float:
    """Share of the prior's variance that the message takes away, 1 - InvLoss / tr C. Source: [P] for the notion, [D] for this definition.

    Args:
        dec: spectrum of the release.
        sigma: standard deviation of all noise on a message entry, >= 0.

    Returns:
        In [0, 1]; 1 is fully invertible.
    """
    return 1 - invloss(dec, sigma) / dec.trace


def invre_interval(dec: Decomposition, sigma: float) -> tuple[float, float]:
    """Between which values InvRE lies with 95 % probability; twice the same number where it is exact."""
    low, high = invloss_interval(dec, sigma)
    return 1 - high / dec.trace, 1 - low / dec.trace


def psnr_ceiling(dec: Decomposition, sigma: float) -> float:
    """PSNR of the least achievable mean squared error, in dB, at most 200; to be compared with an attack's PSNR. Source: [D], section 3."""
    return psnr_of(invloss(dec, sigma) / dec.size)


def psnr_interval(dec: Decomposition, sigma: float) -> tuple[float, float]:
    """Between which values the PSNR ceiling lies with 95 % probability, in dB; twice the same number where it is exact."""
    low, high = invloss_interval(dec, sigma)
    return psnr_of(high / dec.size), psnr_of(low / dec.size)


def psnr_of(mse: float) -> float:
    """PSNR of a mean squared error of pixels in [0, 1], in dB, at most 200."""
    return min(MAX_PSNR, -10 * math.log10(mse)) if mse > 0 else MAX_PSNR
