"""InvRE: the risk as one number, and the picture quality it allows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .invloss import invloss, invloss_interval, learned_share

if TYPE_CHECKING:
    from .decomposition import Decomposition

MAX_PSNR = 200.0  # dB; stands for "no error at all", so that every figure stays finite
QUIETEST, HALVINGS = 1e-9, 60  # of the search for a noise level: how far below (and above) the loudest direction, and its steps


def invre(dec: Decomposition, sigma: float) -> float:
    """Share of the prior's variance that the message takes away, 1 - InvLoss / tr C. Source: [P] for the notion, [D] for this definition.

    Args:
        dec: spectrum of the release.
        sigma: standard deviation of all noise on a message entry, >= 0.

    Returns:
        In [0, 1]; 1 is fully invertible.
    """
    return 1 - invloss(dec, sigma) / dec.trace


def sigma_of_invre(dec: Decomposition, wanted: float) -> float:
    """The noise level (absolute, per message entry) at which InvRE is `wanted`, by bisection: InvRE falls with the noise.

    Raises:
        ValueError: no noise level has it: it is not between 0 and what is learned without noise.
    """
    loudest = math.sqrt(float(dec.gains.max(initial=0.0))) or 1.0
    low, high = math.log(loudest * QUIETEST), math.log(loudest / QUIETEST)
    if not invre(dec, math.exp(high)) < wanted < invre(dec, math.exp(low)):
        raise ValueError(f"No noise leaves an InvRE of {wanted:g}; without noise it is {invre(dec, 0.0):.3g}.")
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if invre(dec, math.exp(middle)) > wanted else (low, middle)
    return math.exp((low + high) / 2)


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


def psnr_spread(dec: Decomposition, sigma: float) -> tuple[float, float] | None:
    """Between which PSNRs the ideal attacker's picture lies in 19 of 20 cases, for pictures and noise drawn as the prior and the release say. Source: [D].

    The error e is normal with covariance P, the posterior's: |e|^2 has mean tr P and variance 2 tr P^2, and about the law of a scaled chi-square with
    those two. Real pictures are no draws of the prior and spread more. In closed form for the white prior and an exact spectrum alone (P then has the eigenvalues
    tau^2 sigma^2 / (sigma^2 + m_i)); None elsewhere, of a sum over clients too, and where there is no error.
    """
    if dec.prior != "white" or dec.method != "exact" or dec.clients > 1:
        return None
    pixel, unseen = dec.trace / dec.size, dec.size - len(dec.gains)
    left = pixel * (1 - learned_share(dec.gains, sigma))
    mean, square = float(left.sum()) + unseen * pixel, float((left**2).sum()) + unseen * pixel**2
    if mean <= 0:
        return None
    from scipy.special import chdtri  # slow to import

    freedom = mean**2 / square
    low, high = (mean / freedom * float(chdtri(freedom, tail)) for tail in (0.975, 0.025))
    return psnr_of(high / dec.size), psnr_of(low / dec.size)


def psnr_of(mse: float) -> float:
    """PSNR of a mean squared error of pixels in [0, 1], in dB, at most 200."""
    return min(MAX_PSNR, -10 * math.log10(mse)) if mse > 0 else MAX_PSNR
