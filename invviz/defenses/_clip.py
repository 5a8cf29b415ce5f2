"""Clipping to a norm, as several defenses need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import dot

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Size, Tree


def length(message: Tree) -> Tensor:
    """Euclidean norm, kept off zero so that it has a derivative there."""
    square = dot(message, message)
    return square.clamp(min=torch.finfo(square.dtype).tiny).sqrt()


def share_kept(size: Size, clip_norm: float, relative: bool) -> float:
    """The factor min(1, c / ||m||) for a message of this size."""
    return min(1.0, clip_norm if relative else clip_norm / size.norm if size.norm > 0 else 1.0)
