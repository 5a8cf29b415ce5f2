"""InvLoss: the least squared error of an attacker who takes the release for a straight line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .quadrature import Estimate

if TYPE_CHECKING:
    from .decomposition import Decomposition
    from .prior import Prior
    from .quadrature import Share


def learned_share(gains: np.ndarray, sigma: float) -> np.ndarray:
    """What the message takes off the prior's variance of each u_i: m_i / (sigma^2 + m_i), in [0, 1], shape of gains.

    Args:
        gains: m_i >= 0.
        sigma: standard deviation of all noise on a message entry, >= 0; at 0 it is 0 where the gain is 0 and 1 elsewhere.
    """
    return np.divide(gains, sigma**2 + gains, out=np.zeros_like(gains), where=gains > 0)


def _truncated_share(gains: np.ndarray, sigma: float) -> np.ndarray:
    """The same for the truncated inverse, which uses directions above the noise and leaves the others: 1 - sigma^2 / m_i, or 0."""
    return 1 - np.divide(sigma**2, gains, out=np.ones_like(gains), where=gains > sigma**2)


def invloss(dec: Decomposition, sigma: float) -> float:
    """Least mean squared error, summed over all pixels: tr (C^-1 + J^T J / sigma^2)^-1. Source: [P] for the notion (xu2025invloss), [D] for this, T1.

    Of the linearised release, on average over the prior. Of all attackers where noise and prior are normal; for any other law of the same covariance that of a
    linear attacker, and others may do better. Small means invertible. A sketch gives an estimate of it; where its quadrature is not yet sharp
    (`invloss_interval` is wide) the estimate errs to the low, cautious side.

    Args:
        dec: spectrum of the release.
        sigma: standard deviation of all noise on a message entry, >= 0, in the message's units.

    Returns:
        Between 0 and tr C, in squared pixel units.
    """
    return invloss_estimate(dec, sigma).value


def invloss_of(information: np.ndarray, prior: Prior) -> float:
    """The same from what the message tells of the batch, J^T Sigma^-1 J or more, shape (n, n), by dense matrices: tr (C^-1 + information)^-1. Source: [D] T1."""
    root, one = prior.sqrt_apply(np.eye(prior.size)), np.eye(prior.size)
    return float(np.trace(root @ np.linalg.solve(one + root @ information @ root, root)))


def invloss_estimate(dec: Decomposition, sigma: float) -> Estimate:
    """InvLoss and its 95 % interval from one evaluation of the spectrum; arguments as in `invloss`."""
    return _error(dec, lambda gains: learned_share(gains, sigma))


def invloss_interval(dec: Decomposition, sigma: float) -> tuple[float, float]:
    """Between which values InvLoss lies with 95 % probability; twice the same number where it is exact."""
    found = invloss_estimate(dec, sigma)
    return found.low, found.high


def invloss_bound(dec: Decomposition, sigma: float) -> float:
    """Error of the truncated inverse with the best k, averaged over the prior: sum_i w_i min(1, sigma^2 / m_i).

    An upper bound on `invloss`, and at most twice as large. Source: [P] for the notion (xu2025invloss), [D] T2.

    Args:
        dec: spectrum of the release; of a sketch the bound is estimated as InvLoss is.
        sigma: standard deviation of all noise on a message entry, >= 0.

    Returns:
        In squared pixel units.
    """
    return _error(dec, lambda gains: _truncated_share(gains, sigma)).value


def _error(dec: Decomposition, share: Share) -> Estimate:
    """Remaining error when `share` of each direction's variance is learned."""
    if dec.quadrature is None:
        value = float(dec.weights @ (1 - share(dec.gains))) + dec.rest
        return Estimate(value, value, value)
    learned, total = dec.quadrature.learned(share), dec.trace
    return Estimate(total - learned.value, total - learned.high, total - learned.low)


def k_star(dec: Decomposition, sigma: float) -> int:
    """Directions that the best truncated inverse uses, on average: those whose gain is above sigma^2 (white: s > sigma / tau). Source: [D] T2.

    Of a sketch it counts what its space holds: at least so many.
    """
    return int((dec.gains > sigma**2).sum())


def invloss_bound_here(dec: Decomposition, sigma: float) -> float:
    """Error of the best truncated inverse on this very batch, min over k of B_k. Source: [D] T2.

    B_k = sum_{i<k} sigma^2 w_i / m_i + ||sum_{i>=k} basis_i u_i||^2, in the prior's basis (w_i its squared column norms); under the white
    prior this is T2 as written. k is chosen with the batch in hand, so for one batch the value may lie on either side of InvLoss, which is
    an average over the prior: a batch that is easier than the prior expects lies below.
    """
    return float(_truncated(dec, sigma).min())


def k_here(dec: Decomposition, sigma: float) -> int:
    """The k at which `invloss_bound_here` is reached. Source: [D] T2."""
    return int(_truncated(dec, sigma).argmin())


def floor_sigma(message_norm: float, num_message: int, noise_floor: float = 1e-2) -> float:
    """The noise floor: what an attacker's own imprecision amounts to, noise_floor ||G|| / sqrt(p). Source: [D], theory section 3.

    Args:
        message_norm: Euclidean norm of the message.
        num_message: p.
        noise_floor: share of the message's root mean square, >= 0. Without a floor every full-rank release would count as fully invertible.
    """
    return noise_floor * message_norm / num_message**0.5


def total_sigma(dec: Decomposition, noise_floor: float = 1e-2, defense_variance: float = 0.0) -> float:
    """Standard deviation of floor and defense noise together, per message entry.

    Args:
        dec: spectrum of the release.
        noise_floor: floor as a share of the message's root mean square, >= 0.
        defense_variance: variance that the defense adds to every entry, in the message's units squared, >= 0.
    """
    return (floor_sigma(dec.message_norm, dec.num_message, noise_floor) ** 2 + defense_variance) ** 0.5


def van_trees_bound(jac_frobenius_sq: float, sigma: float, size: int, precision_trace: float) -> float:
    """No attacker does better than this on average over the prior, linear or not: n^2 / (||J||_F^2 / sigma^2 + tr C^-1). Source: [D] T3 (van Trees).

    Args:
        jac_frobenius_sq: ||J||_F^2 averaged over the prior; of one batch it is an estimate (then: sum of squared singular values).
        sigma: 1 / sqrt of the Fisher information that the noise on an entry has about its mean: the standard deviation of normal noise, the scale b of Laplace noise
            (not its standard deviation); noise with edges, such as rounding, has none and gives no bound. 0 gives 0.
        size: n, numbers in the batch.
        precision_trace: tr C^-1 of what the attacker believes.
    """
    return size**2 / (jac_frobenius_sq / sigma**2 + precision_trace) if sigma > 0 else 0.0


def _truncated(dec: Decomposition, sigma: float) -> np.ndarray:
    """B_k for k = 0 ... n, shape (n + 1,); infinite from the first direction with gain 0 on."""
    noise = np.divide(sigma**2 * dec.weights, dec.gains, out=np.full_like(dec.gains, np.inf), where=dec.gains > 0)
    return np.concatenate([[0.0], np.cumsum(noise)]) + dec.tails
