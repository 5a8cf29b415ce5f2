"""What an attacker expects of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def total_variation(image: Tensor) -> Tensor:
    """Anisotropic total variation: mean absolute difference of neighbours, down plus across; a scalar (geiping2020inverting)."""
    return (image[..., 1:, :] - image[..., :-1, :]).abs().mean() + (image[..., :, 1:] - image[..., :, :-1]).abs().mean()
