"""The ideal attacker on a sum, for every number of clients at once: one factorisation a noise level serves all of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from .prior import Prior


@dataclasses.dataclass(frozen=True, eq=False)
class ByClients:
    """What is left of the victim's batch, and what the ideal attacker's pictures look like, with the first 1, 2, ... clients in the sum. Source: [D] T1, T7.

    Attributes:
        sigmas: standard deviations of the noise on an entry of the sum, ascending, (levels,).
        invre: (levels, clients): of the victim's batch, with so many clients in the sum, itself among them.
        pictures: posterior means, (levels, clients, n), not clipped; one draw of the noise for all of them.
        equations: p, numbers in the sum.
        unknowns: n, numbers in one client's batch.
    """

    sigmas: np.ndarray
    invre: np.ndarray
    pictures: np.ndarray
    equations: int
    unknowns: int

    @property
    def full(self) -> float:
        """K* = p / n: with more clients than this the sum has fewer equations than unknowns. Source: [D]."""
        return self.equations / self.unknowns


def by_clients(
    jacobians: np.ndarray,
    truths: np.ndarray,
    prior: Prior,
    sigmas: np.ndarray,
    seed: int = 0,
    progress: Callable[[int, int], bool] | None = None,
) -> ByClients:
    """The victim's block of (C^-1 + A_h^T A_h / sigma^2)^-1 for A_h = [J_1 ... J_h], h = 1 ... H.

    With the others o taken for coloured noise it is (I + (G_11 - G_1o (sigma^2 I + G_oo)^-1 G_o1) / sigma^2)^-1, G = C^1/2 A^T A C^1/2; the Cholesky factor of the first
    others is the corner of that of all, so one of (H - 1) n numbers a side serves every h.

    Args:
        jacobians: of every client's own message by its own batch, the victim's first, (clients, p, n).
        truths: their batches, (clients, n).
        prior: of one client's batch.
        sigmas: ascending, each above 0.
        seed: of the noise.
        progress: called with (done, total) levels; answering False cancels.

    Raises:
        Cancelled: `progress` answered False.
    """
    clients, p, n = jacobians.shape
    half = np.concatenate([prior.sqrt_apply(np.asarray(one, np.float64)) for one in jacobians], 1)  # C^1/2 is symmetric
    noise = half.T @ np.random.default_rng(seed).standard_normal(p)
    known = np.concatenate([prior.inv_sqrt_apply(np.asarray(one, np.float64) - prior.mean) for one in truths])
    gram = half.T @ half
    # A_h^T A_h z for every h: column h holds the sum over the first h clients
    signal = np.stack([gram[:, k * n : (k + 1) * n] @ known[k * n : (k + 1) * n] for k in range(clients)], 1).cumsum(1)
    root = prior.sqrt_apply(np.eye(n))
    found = [_level(gram, signal + sigma * noise[:, None], n, float(sigma), root) for sigma in _counted(sigmas, progress)]
    invre, guesses = (np.stack(parts) for parts in zip(*found, strict=True))
    return ByClients(np.asarray(sigmas, float), 1 - invre / prior.trace, prior.mean + guesses, p, n)


def _level(gram: np.ndarray, heard: np.ndarray, n: int, sigma: float, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """InvLoss (clients,) and C^1/2 of the posterior means (clients, n) at one noise level."""
    from scipy.linalg import cholesky, solve_triangular  # slow to import

    clients = gram.shape[0] // n
    if clients > 1:
        others = gram[n:, n:].copy()
        others.flat[:: len(others) + 1] += sigma**2
        factor = cholesky(others, lower=True, overwrite_a=True, check_finite=False)
        both: Any = solve_triangular(factor, np.column_stack([gram[n:, :n], heard[n:]]), lower=True, check_finite=False)
        cross, told = both[:, :n], both[:, n:]
    else:
        cross, told = np.zeros((0, n)), np.zeros((0, clients))
    losses, guesses = np.zeros(clients), np.zeros((clients, n))
    hidden = np.zeros((n, n))
    for h in range(clients):
        if h:
            rows = cross[(h - 1) * n : h * n]
            hidden = hidden + rows.T @ rows
        posterior = np.linalg.inv(np.eye(n) + (gram[:n, :n] - hidden) / sigma**2)
        left = (heard[:n, h] - cross[: h * n].T @ told[: h * n, h]) / sigma**2
        losses[h] = np.trace(root @ posterior @ root)
        guesses[h] = root @ posterior @ left
    return losses, guesses


def _counted(sigmas: np.ndarray, progress: Callable[[int, int], bool] | None):
    for done, sigma in enumerate(sigmas):
        if progress is not None and not progress(done, len(sigmas)):
            raise Cancelled("Stopped: not all noise levels were computed.")
        yield sigma
