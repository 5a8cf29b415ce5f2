"""Which directions belong together: those whose pictures make the first layer active just where the gradient says so."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ._sparse import NEW, Directions, Factors

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """The first layer, z = W x + b, and its gradients dL/dW = U S V^T and dL/db."""

    factors: Factors
    shown: Tensor  # U^T dL/db, (r,)
    weight: Tensor  # W V S, (m, r)
    bias: Tensor  # b, (m,)

    @classmethod
    def of(cls, factors: Factors, slope: Tensor, weight: Tensor, bias: Tensor) -> Layer:
        """From dL/db (m,), W (m, n) and b (m,)."""
        return cls(factors, factors.u.T @ slope, weight @ factors.v * factors.s, bias)

    def agreement(self, found: Directions, sets: Tensor) -> Tensor:
        """The lambda of sets of r directions: the share of neurons and samples for which z > 0 and dL/dz != 0 say the same (dimitrov2024spear).

        Args:
            found: directions.
            sets: their numbers, shape (k, r).

        Returns:
            One lambda from 0 to 1 per set, shape (k,); 0 for sets that depend on each other.
        """
        inverse, lengths = self._solved(found.q[sets])
        z = (self.weight @ inverse) / lengths[:, None, :] + self.bias[:, None]
        share = ((z > 0).mT == ~found.off[sets]).to(z).mean((1, 2))
        return torch.where(torch.isfinite(z).flatten(1).all(1), share, 0.0)

    def read(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (r, n) and the gradient by z (r, m) of r directions q (r, r)."""
        inverse, lengths = self._solved(q[None])
        pictures = (self.factors.v * self.factors.s @ inverse[0] / lengths[0]).T
        return pictures, (self.factors.u @ (q.T * lengths[0])).T

    def _solved(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse of q (k, r, r), directions in rows, and their lengths c: dL/dz = U q^T diag(c), and its sum over samples is dL/db."""
        inverse = torch.linalg.inv_ex(q)[0]
        return inverse, (inverse.mT @ self.shown)


def greedy(found: Directions) -> list[int]:
    """Numbers of the sparsest directions that do not depend on each other; r of them, or fewer."""
    basis, chosen = found.q[:0], list[int]()
    for number, q in enumerate(found.q):
        rest = q - basis.T @ (basis @ q)
        rest = rest - basis.T @ (basis @ rest)
        if float(rest.norm()) > NEW:
            basis, chosen = torch.cat([basis, rest[None] / rest.norm()]), [*chosen, number]
        if len(chosen) == len(q):
            break
    return chosen


def exchanged(layer: Layer, found: Directions, chosen: list[int]) -> tuple[list[int], float]:
    """The set after exchanges of one direction at a time that raise lambda, each time the best one; and its lambda."""
    best = torch.tensor(chosen, device=found.q.device)
    doubtful = (found.critical[best] > 0).nonzero().flatten()
    certain = int((found.critical == 0).sum()) <= len(best)  # more of them than samples: some are wrong
    places = doubtful if len(doubtful) and certain else torch.arange(len(best), device=best.device)
    value = float(layer.agreement(found, best[None]))
    while value < 1:
        place, other = torch.meshgrid(places, torch.arange(len(found.q), device=best.device), indexing="ij")
        sets = best.repeat(place.numel(), 1)
        sets[torch.arange(len(sets)), place.flatten()] = other.flatten()
        values = torch.cat([layer.agreement(found, part) for part in sets.split(512)])
        if not float(values.max()) > value:
            break
        best, value = sets[values.argmax()], float(values.max())
    return best.tolist(), value
