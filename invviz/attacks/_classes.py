"""The normal law of public pictures, of one class or of all: its mean and the root of its covariance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import numel
from ._base import Unreadable

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Observation

FEW = 8  # public pictures of a class below which the law of all of them is taken
POOLED = 0.05  # share of that law in a class's own
FLOOR = 0.003  # standard deviation of a direction in which public pictures do not differ
MOST = 50_000_000  # numbers of a Jacobian; fewer directions are searched where that does not do


def law_of_class(public: Tensor, labels: Tensor | None, wanted: Tensor, components: int) -> tuple[Tensor, Tensor, str]:
    """Means, roots of covariances, and whose they are, in words, for pictures with labels `wanted`."""
    flat = public.flatten(1)
    everybody = flat - flat.mean(0)
    means, roots, alike = [], [], True
    for label in wanted.tolist() if wanted.ndim == 1 else [None] * len(wanted):
        own = flat[labels == label] if labels is not None and label is not None else flat[:0]
        if len(own) < FEW:
            mean, rows, alike = flat.mean(0), everybody / len(flat) ** 0.5, False
        else:
            mean = own.mean(0)
            rows = torch.cat([(1 - POOLED) ** 0.5 * (own - mean) / len(own) ** 0.5, POOLED**0.5 * everybody / len(flat) ** 0.5])
        values, vectors = _principal(rows, components)
        means.append(mean)
        roots.append(vectors * (values.clamp(min=0) + FLOOR**2).sqrt())
    return torch.stack(means), torch.stack(roots), "public pictures of the same class" if alike else "all public pictures"


def _principal(rows: Tensor, components: int) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues of rows^T rows, and their vectors, (n, k): by whichever side is shorter."""
    if len(rows) >= rows.shape[1]:
        values, vectors = torch.linalg.eigh(rows.T @ rows)
        return values.flip(0)[:components], vectors.flip(1)[:, :components]
    values, left = torch.linalg.eigh(rows @ rows.T)
    kept = (values > 1e-9 * values.max()).nonzero().flatten().flip(0)[:components]
    return values[kept], rows.T @ (left[:, kept] / values[kept].sqrt())


def directions(obs: Observation, wanted: int) -> int:
    """How many directions of each picture there is memory for, at most those that are wanted.

    Raises:
        Unreadable: not even a few.
    """
    fit = MOST // numel(obs.message) // len(obs.template.private)
    if fit < FEW:
        raise Unreadable(f"The message has {numel(obs.message):,} numbers, too many for a Jacobian in memory: use pca_prior")
    return min(wanted, fit)
