"""Whether a vector lies in the span of the inputs of a linear layer, which its weight gradient shows: the span test."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

ROUNDING = 300.0  # times the precision of the largest singular value: what is smaller is zero
UPPER, LOWER = 1.1, 0.85  # times the largest and the least singular value that even noise has: further ones all lie between
FEW = 6  # singular values that are too few to tell noise by
TIMES = 4.0  # standard deviations that a vector of the span may be off by noise
MOST = 1e-4  # chance at which a vector that is not in the span may pass the test, above which the test is none


@dataclasses.dataclass(frozen=True, eq=False)
class Span:
    """Rows of a weight gradient dL/dW = sum of outer(dL/dz_i, x_i), whose row space is that of the inputs x_i where there are fewer of them than numbers in one.

    Attributes:
        basis: (rank, width), orthonormal.
        values: singular values of the gradient, (rank,).
        noise: standard deviation of noise on an entry, read off the other singular values.
        rows: of the gradient.
    """

    basis: Tensor
    values: Tensor
    noise: float
    rows: int

    @classmethod
    def of(cls, gradient: Tensor, rounding: float) -> Span:
        """Of a gradient (rows, width), rows at least as many.

        The rank is the least at which all further singular values are zero, or those of even noise: between sigma (sqrt(rows) - sqrt(k)) and sigma (sqrt(rows) + sqrt(k)) for k of
        them, sigma being told by their mean square. Those of a signal fall off over decades.

        Args:
            gradient: finite.
            rounding: relative precision of the message.
        """
        rows, width = gradient.shape
        _, values, basis = torch.linalg.svd(gradient, full_matrices=False)
        found, zero = values.tolist(), ROUNDING * rounding * float(values[0])
        for rank in range(width):
            if found[rank] <= zero:
                return cls(basis[:rank], values[:rank], zero / rows**0.5, rows)
            rest = width - rank
            sigma = float((values[rank:].square().sum() / (rest * rows)) ** 0.5)
            low, high = (sigma * (rows**0.5 + sign * rest**0.5) for sign in (-1, 1))
            if rest >= FEW and found[rank] <= UPPER * high and found[-1] >= LOWER * low:
                return cls(basis[:rank], values[:rank], sigma, rows)
        return cls(basis, values, 0.0, rows)

    @property
    def full(self) -> bool:
        """The inputs span everything, or noise covers what they do not: any vector passes."""
        return len(self.basis) >= self.basis.shape[1]

    def holds(self, vectors: Tensor) -> Tensor:
        """Which vectors (n, width) lie in the span, as far as noise allows to tell, shape (n,).

        A vector of the span is G^T c for the least c, and noise N moves it by N^T c: by sigma |c| in each of the directions outside of the span. One that is not in it is
        nowhere near by chance alone, which is what MOST is set against.
        """
        from scipy.special import betainc

        width, rank = self.basis.shape[1], len(self.basis)
        if self.full or not rank:
            return torch.zeros(len(vectors), dtype=torch.bool)
        inside = vectors @ self.basis.T
        off = (vectors - inside @ self.basis).square().sum(1)
        slack = TIMES * self.noise * (inside / self.values).norm(dim=1) * (width - rank) ** 0.5
        share = (slack.square() / vectors.square().sum(1)).clamp(max=1)
        chance = torch.from_numpy(betainc((width - rank) / 2, rank / 2, share.numpy()))
        return (off <= slack.square()) & (chance <= MOST)
