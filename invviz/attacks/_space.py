"""In which coordinates a picture is searched: its pixels, or its frequencies with the low ones made easy to reach."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import randn_like

if TYPE_CHECKING:
    from torch import Generator, Tensor

SPREAD = 0.01  # standard deviation of a start around grey
CORNER = 4.0  # cosine index at which frequencies begin to be damped


@dataclasses.dataclass(frozen=True, eq=False)
class Space:
    """Coordinates of a batch of pictures.

    The start is grey with a little noise: noise of high frequency is almost invisible to a matching loss, so what a start puts there
    tends to stay in the answer.
    """

    shape: tuple[int, ...]
    middle: float
    scale: Tensor | None  # (h, w) damping of cosine coefficients; None searches pixels
    rows: Tensor | None  # orthonormal cosine transforms of height and width
    columns: Tensor | None

    @classmethod
    def of(cls, kind: str, like: Tensor, bounds: tuple[float, float]) -> Space:
        """`kind` is "pixels" or "frequencies"; `like` has the shape, precision and device of the pictures."""
        middle = sum(bounds) / 2
        if kind == "pixels":
            return cls(tuple(like.shape), middle, None, None, None)
        height, width = like.shape[-2:]
        u, v = torch.arange(height).to(like), torch.arange(width).to(like)
        scale = 1 / (1 + (u[:, None] ** 2 + v[None] ** 2).sqrt() / CORNER)
        return cls(tuple(like.shape), middle, scale, cosines(height, like), cosines(width, like))

    def start(self, rng: Generator, like: Tensor) -> Tensor:
        """Coordinates of a fresh start."""
        return SPREAD * randn_like(torch.empty(self.shape, dtype=like.dtype, device=like.device), rng)

    def picture(self, coordinates: Tensor) -> Tensor:
        """The pictures at these coordinates; differentiable."""
        if self.scale is None or self.rows is None or self.columns is None:
            return self.middle + coordinates
        return self.middle + self.rows.T @ (coordinates * self.scale) @ self.columns

    def coordinates(self, image: Tensor) -> Tensor:
        """Where these pictures lie: `picture` undone."""
        if self.scale is None or self.rows is None or self.columns is None:
            return image - self.middle
        return self.rows @ (image - self.middle) @ self.columns.T / self.scale


def cosines(n: int, like: Tensor) -> Tensor:
    """Orthonormal type-II cosine transform as a matrix."""
    k, i = torch.arange(n).to(like)[:, None], torch.arange(n).to(like)[None]
    matrix = torch.cos(math.pi * (i + 0.5) * k / n) * math.sqrt(2 / n)
    return torch.cat([matrix[:1] / math.sqrt(2), matrix[1:]])
