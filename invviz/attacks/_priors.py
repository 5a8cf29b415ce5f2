"""What an attacker expects of pictures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import randn_like
from ._space import cosines

if TYPE_CHECKING:
    from torch import Generator, Tensor


def total_variation(image: Tensor) -> Tensor:
    """Anisotropic total variation: mean absolute difference of neighbours, down plus across; a scalar (geiping2020inverting). One row has none down."""
    steps = [image[..., 1:, :] - image[..., :-1, :], image[..., :, 1:] - image[..., :, :-1]]
    return image.new_zeros(()) + sum(step.abs().mean() for step in steps if step.numel())


def total_variation_slope(image: Tensor) -> Tensor:
    """The derivative of `total_variation` by the picture, written out: a twentieth of a matching step on a small net that autograd would take."""
    slope = torch.zeros_like(image)
    for axis in (-2, -1):
        length = image.shape[axis] - 1
        if length > 0:
            rise = (image.narrow(axis, 1, length) - image.narrow(axis, 0, length)).sign_()
            share = 1 / rise.numel()
            slope.narrow(axis, 1, length).add_(rise, alpha=share)
            slope.narrow(axis, 0, length).sub_(rise, alpha=share)
    return slope


SPREAD = 0.25  # standard deviation of a pixel that an attacker expects
CORRELATION = 0.9  # between colour channels


def smoothness(image: Tensor, middle: float) -> Tensor:
    """Twice the negative log of a 1/f^2 prior on pictures, up to a constant: sum of c^2 / v over cosine coefficients; a scalar.

    The same law as the natural prior of the risk score (v falls as 1 / (1 + k^2 + l^2), channels are correlated), so that an attacker who also knows the noise looks for
    the picture that is the most likely one under it.
    """
    return roots(image, middle).square().sum()


def roots(image: Tensor, middle: float) -> Tensor:
    """Numbers whose squares add up to `smoothness`, linear in the picture; two for each entry of it, flat."""
    c, h, w = image.shape[-3:]
    down, across = (torch.arange(side).to(image) for side in (h, w))
    power = 1 / (1 + down[:, None] ** 2 + across[None] ** 2)
    power = SPREAD**2 * power / power.mean()
    waves = cosines(h, image) @ (image - middle) @ cosines(w, image).T / power.sqrt()
    common = waves.mean(dim=-3, keepdim=True)  # along the channels: their mean has one eigenvalue, what differs between them the other
    own = (waves - common) / (1 - CORRELATION if c > 1 else 1.0) ** 0.5
    return torch.cat([(common / (1 + (c - 1) * CORRELATION) ** 0.5).expand_as(own).flatten(), own.flatten()])


@dataclasses.dataclass(frozen=True, eq=False)
class Whitened:
    """Coordinates of pictures in which the law of `smoothness` is even: the sum of their squares is the picture's smoothness, and normal ones draw a texture."""

    middle: float
    common: float  # roots of what the channels' covariance scales: their mean, and what differs between them
    own: float
    size: Tensor  # (h, w) standard deviations of cosine coefficients
    rows: Tensor
    columns: Tensor

    @classmethod
    def of(cls, like: Tensor, bounds: tuple[float, float]) -> Whitened:
        """`like` has the shape, precision and device of the pictures."""
        c, h, w = like.shape[-3:]
        down, across = (torch.arange(side).to(like) for side in (h, w))
        power = 1 / (1 + down[:, None] ** 2 + across[None] ** 2)
        own = (1 - CORRELATION if c > 1 else 1.0) ** 0.5
        size = SPREAD * (power / power.mean()).sqrt()
        return cls(sum(bounds) / 2, (1 + (c - 1) * CORRELATION) ** 0.5, own, size, cosines(h, like), cosines(w, like))

    def picture(self, z: Tensor) -> Tensor:
        """The pictures at z, shape (..., c, h, w), which need not lie inside the bounds."""
        mean = z.mean(-3, keepdim=True)
        waves = (self.common * mean + self.own * (z - mean)) * self.size
        return self.middle + self.rows.T @ waves @ self.columns


def textures(count: int, like: Tensor, rng: Generator) -> Tensor:
    """Pictures drawn from the law of `smoothness`, around grey: random waves with the spectrum of natural pictures, shape (count, c, h, w); not clipped."""
    c, h, w = like.shape[-3:]
    down, across = (torch.arange(side).to(like) for side in (h, w))
    power = 1 / (1 + down[:, None] ** 2 + across[None] ** 2)
    noise = randn_like(like.new_empty((count, c + 1, h, w)), rng)
    mixed = CORRELATION**0.5 * noise[:, :1] + (1 - CORRELATION) ** 0.5 * noise[:, 1:]  # every two channels are correlated
    return 0.5 + SPREAD * cosines(h, like).T @ (mixed * (power / power.mean()).sqrt()) @ cosines(w, like)
