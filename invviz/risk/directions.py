"""All singular directions of a release's Jacobian."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ..core.lazy import torch
from ._memory import room

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .jacobian import Jacobian


@dataclasses.dataclass(frozen=True, eq=False)
class Directions:
    """All singular values of a Jacobian and its right singular directions; values that are lost in rounding are 0.

    Attributes:
        jacobian: of the release.
        values: s_i, descending, shape (k,), float64 on the CPU.
        right: v_i as columns, shape (n, k), likewise.
        stale: they are those of another Jacobian than the one named here.
    """

    jacobian: Jacobian
    values: Tensor
    right: Tensor
    stale: bool = False

    @classmethod
    def of(cls, jacobian: Jacobian, progress: Callable[[int, int], bool] | None = None) -> Directions:
        """Exact, by the Gram matrix, or by the rows where the message is much shorter than the input.

        Args:
            jacobian: of the release.
            progress: called with (done, total) products; answering False cancels.

        Raises:
            Cancelled: `progress` answered False.
            RiskError: not enough memory, or the Jacobian is not finite.
        """
        p, n = jacobian.shape
        with room(f"all singular directions of {n:,} inputs"):
            if 2 * p < n:
                rows = (jacobian.sharp or jacobian).dense(progress)
                _, values, right = torch.linalg.svd(jacobian.finite(rows).cpu().double(), full_matrices=False)
                resolved = 100 * torch.finfo(rows.dtype).eps * float(values[0])
                right = right.T
            else:
                squares, right = torch.linalg.eigh(jacobian.gram(progress).cpu())
                values, right = squares.flip(0).clamp(min=0).sqrt(), right.flip(1)
                resolved = jacobian.resolved(float(values[0]))
        unworked = dataclasses.replace(jacobian)  # without the graph that the products have left behind
        return cls(unworked, torch.where(values > resolved, values, 0.0), right)

    def move(self, jacobian: Jacobian) -> Directions:
        """The same directions taken for those of another Jacobian with as many inputs: stale, but for free."""
        return dataclasses.replace(self, jacobian=jacobian, stale=True)

    def band(self, low: float, high: float) -> slice:
        """Places of a middle part of the spectrum; at least one. Source: [S] xu2025invloss by a third-party implementation.

        Args:
            low: share of the sum of the singular values; the first place is where their running sum reaches it.
            high: likewise; the place where it is reached is the first one outside.
        """
        share = (self.values.cumsum(0) / self.values.sum().clamp(min=1e-300)).numpy()
        start = min(int(np.searchsorted(share, low)), max(0, int((self.values > 0).sum()) - 1))
        return slice(start, max(start + 1, int(np.searchsorted(share, high))))
