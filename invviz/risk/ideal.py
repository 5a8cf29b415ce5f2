"""The ideal attacker: the best picture on average for a straight line, normal noise and the prior, at any noise level, in one matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.rng import derive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .decomposition import Decomposition


def ideal(dec: Decomposition, sigma: float, seed: int = 0) -> np.ndarray:
    """The posterior mean given the linearised, noisy message. Source: [D], theory T1 (the attack that attains InvLoss).

    u_i is guessed as (m_i u_i + sqrt(m_i) sigma eps_i) / (m_i + sigma^2). It takes the truth to simulate the message, so it is an oracle of
    what the best attacker would see, not an attack. Of a sketch it is what (block) conjugate gradients reach in so many products, from the message alone. The draw eps depends on the seed alone: moving sigma moves the picture smoothly.

    Args:
        dec: spectrum of the release.
        sigma: standard deviation of all noise on a message entry, >= 0.
        seed: of the noise draw; a sketch has made one draw of its own, because its space must know of it.

    Returns:
        Pictures, shape (b, c, h, w), float32, not clipped to [0, 1].
    """
    return (dec.mean.astype(np.float32) + dec.basis @ _guess(dec, sigma, seed).astype(np.float32)).reshape(dec.shape)


def ideals(dec: Decomposition, sigmas: Sequence[float], seed: int = 0) -> np.ndarray:
    """The same at several noise levels in one matrix product, shape (levels, b, c, h, w); the draw eps is one for all of them."""
    guesses = np.stack([_guess(dec, sigma, seed) for sigma in sigmas], axis=1).astype(np.float32)
    return (dec.mean.astype(np.float32)[:, None] + dec.basis @ guesses).T.reshape(-1, *dec.shape)


def _guess(dec: Decomposition, sigma: float, seed: int) -> np.ndarray:
    """What is guessed of u, shape (k,)."""
    if dec.heard is None:
        eps = np.random.default_rng(derive(seed, "ideal attacker")).standard_normal(max(dec.size, len(dec.gains)))[: len(dec.gains)]
        signal, noise = dec.gains * dec.coefficients, np.sqrt(dec.gains) * eps
    else:
        signal, noise = dec.heard
    seen = signal + sigma * noise
    return np.divide(seen, dec.gains + sigma**2, out=np.zeros_like(seen), where=dec.gains > 0)
