"""Which part of this picture leaks, and what a direction looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .invloss import learned_share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .decomposition import Decomposition

STRIP = 1024  # pixels at a time


def pixel_variance(dec: Decomposition, sigma: float) -> np.ndarray:
    """Variance of every pixel that is left once the message is known: the diagonal of P. Source: [D] T1.

    Of a sketch it is an upper bound, pixel by pixel: what directions outside its space tell is left out.

    Args:
        dec: spectrum of the release.
        sigma: standard deviation of all noise on a message entry, >= 0.

    Returns:
        Shape (b, c, h, w), in squared pixel units; its sum is InvLoss (exact method).
    """
    return pixel_variances(dec, [sigma])[0]


def pixel_variances(dec: Decomposition, sigmas: Sequence[float]) -> np.ndarray:
    """The same at several noise levels, in one look at the directions, shape (levels, b, c, h, w)."""
    left = np.stack([1 - learned_share(dec.gains, sigma) for sigma in sigmas], axis=1).astype(np.float32)
    variance = np.zeros((dec.size, len(sigmas)))
    for start in range(0, dec.size, STRIP):
        squares = np.square(np.asarray(dec.basis[start : start + STRIP]))
        variance[start : start + STRIP] = squares @ left
        if dec.rest > 0:  # what lies outside the basis stays as it was
            variance[start : start + STRIP] += np.maximum(dec.variances[start : start + STRIP] - squares.sum(axis=1), 0.0)[:, None]
    return variance.T.reshape(-1, *dec.shape)


def pixel_knowledge(dec: Decomposition, sigma: float) -> np.ndarray:
    """Share of every pixel's prior variance that the message takes away, in [0, 1]; arguments and shape as in `pixel_variance`."""
    return pixel_knowledges(dec, [sigma])[0]


def pixel_knowledges(dec: Decomposition, sigmas: Sequence[float]) -> np.ndarray:
    """The same at several noise levels, shape (levels, b, c, h, w)."""
    return 1 - pixel_variances(dec, sigmas) / dec.variances.reshape(dec.shape)


def sample_loss(dec: Decomposition, sigma: float) -> np.ndarray:
    """InvLoss of every sample of a batch: the traces of P's diagonal blocks, shape (b,). Source: [D] T7; arguments as in `pixel_variance`."""
    return pixel_variance(dec, sigma).reshape(dec.shape[0], -1).sum(axis=1)


def sample_losses(dec: Decomposition) -> Callable[[float], np.ndarray]:
    """`sample_loss` as a function of the noise alone: the directions are looked at once, so that many noises cost nothing."""
    each = dec.size // dec.shape[0]
    weights, outside = np.zeros((dec.shape[0], len(dec.gains))), np.zeros(dec.shape[0])
    for sample in range(dec.shape[0]):
        for start in range(sample * each, (sample + 1) * each, STRIP):
            strip = slice(start, min(start + STRIP, (sample + 1) * each))
            squares = np.square(np.asarray(dec.basis[strip], np.float64))
            weights[sample] += squares.sum(axis=0)
            if dec.rest > 0:  # what lies outside the basis stays as it was
                outside[sample] += np.maximum(dec.variances[strip] - squares.sum(axis=1), 0.0).sum()
    return lambda sigma: weights @ (1 - learned_share(dec.gains, sigma)) + outside


def direction(dec: Decomposition, index: int) -> np.ndarray:
    """One direction of picture space as a picture, shape (b, c, h, w), grey where it is zero, in [0, 1].

    Args:
        dec: spectrum of the release.
        index: from 0, the strongest.

    Raises:
        IndexError: there are not so many.
    """
    if not 0 <= index < dec.basis.shape[1]:
        raise IndexError(f"direction {index} of {dec.basis.shape[1]}; allowed: 0 to {dec.basis.shape[1] - 1}.")
    column = np.asarray(dec.basis[:, index], np.float64)
    largest = np.abs(column).max()
    return (0.5 + 0.5 * column / (largest if largest > 0 else 1.0)).reshape(dec.shape)
