"""How a batch's loss is shared among its samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def top_share(losses: Tensor) -> float | None:
    """The largest over the sum of losses (b,); None where that is not a positive number."""
    total = float(losses.double().sum())
    return float(losses.double().max()) / total if 0 < total < float("inf") else None
