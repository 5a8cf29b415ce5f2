"""What noise along the Jacobian's own directions tells of the picture: its shape moves with the picture, and an attacker may solve for it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import flatten
from .invloss import invloss_of
from .invre import psnr_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Batch, Net, Tree
    from .jacobian import Jacobian
    from .noise_covariance import Banded
    from .prior import Prior

MOST = 800  # inputs up to which it takes no longer than a spectrum, and tangent search a minute or two; a colour picture of 16x16 has 768
DRAWS = 4  # of the noise's signs, over which the error is averaged


def psnr_solved(
    jacobian: Jacobian, covariance: Banded, sigma: float, prior: Prior, progress: Callable[[int, int], bool] | None = None
) -> float | None:
    """Expected PSNR in dB of an attacker who solves for picture and noise together, to first order at this batch; never below the expected best.

    The message is G(x) + J(x) d + e with d of variances w_i = a_i / s_i^2 along v_i and e isotropic, of sigma and the covariance's own even part. That of the tangent space's change which leaves that space,
    (I - J J^+) K with K = d(J d)/dx, has no noise on it but e: it tells K^T (I - J J^+) K / sigma^2 beside J^T Sigma^-1 J, shrunk by a_i / (sigma^2 + a_i) as d must be
    found too. Averaged over d that is the part of the Fisher information of N(G(x), Sigma(x)) that lies outside the tangent space; what changes inside tells a little more and
    is left out. Source: [D] theory T11. The error is averaged over a few draws of d's signs; no bound: the net is taken for its second-order expansion.

    Args:
        jacobian: of the noise-free release at the batch.
        covariance: the noise; its directions are those of this Jacobian.
        sigma: standard deviation of all other isotropic noise, floor included.
        prior: of the pictures.
        progress: called with (done, total) products; answering False cancels.

    Returns:
        None where there is nothing to solve or it is not computed: a message of at most twice as many numbers as the batch, more than MOST inputs, no noise.
    """
    jacobian = jacobian.sharp or jacobian
    (rows, inputs), point = jacobian.shape, jacobian.point
    values, variances = covariance.directions.values, covariance.variances
    if covariance.even:
        sigma = (sigma**2 + covariance.even) ** 0.5
    if rows <= 2 * inputs or inputs > MOST or not float(variances.max()) > 0 or not sigma > 0:
        return None
    basis = torch.linalg.qr(jacobian.dense().detach().double()).Q
    noisy = variances > 0
    weights = torch.where(noisy, variances / (values.where(noisy, 1.0) * (sigma**2 + variances).sqrt()), 0.0)
    rng = torch.Generator().manual_seed(0)
    straight = covariance.directions.right * (values / (sigma**2 + variances).sqrt())
    losses = []
    for draw in range(DRAWS):
        signs = torch.randint(0, 2, (len(weights),), generator=rng).double() * 2 - 1
        steps = (covariance.directions.right @ (weights * signs)).to(point)
        change = changes(jacobian, steps).double()
        outside = change - basis @ (basis.T @ change)
        information = (straight @ straight.T + (outside.T @ outside).cpu() / sigma**2).numpy()
        losses.append(invloss_of(information, prior))
        if progress is not None and not progress(draw + 1, DRAWS):
            return None
    return psnr_of(sum(losses) / DRAWS / prior.size)


def changes(jacobian: Jacobian, steps: Tensor) -> Tensor:
    """The derivative of J(x) d by x, (p, n), with d held: the Jacobian of a release that sends J(x) d."""

    def noise(net: Net, batch: Batch, rng: Generator | None) -> Tree:
        return {"noise": torch.func.jvp(jacobian.map, (batch.flat(),), (steps,))[1]}

    message = {"noise": flatten(jacobian.message)}
    return dataclasses.replace(jacobian, release=noise, message=message, is_gradient=False).dense()
