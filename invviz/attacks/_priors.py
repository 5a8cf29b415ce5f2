"""What an attacker expects of pictures, and of series."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import randn_like
from ..core.waves import power
from ._space import cosines

if TYPE_CHECKING:
    from torch import Generator, Tensor


def total_variation(image: Tensor) -> Tensor:
    """How rough samples are, a scalar. Of pictures anisotropic total variation: mean absolute difference of neighbours, down plus across (geiping2020inverting); one row has none down.

    Of series (b, channels, length) the mean absolute second difference along time: what bends is rough, a steady rise is not.
    """
    if is_series(image):
        bends = image[..., 2:] - 2 * image[..., 1:-1] + image[..., :-2]
        return bends.abs().mean() if bends.numel() else image.new_zeros(())
    steps = [image[..., 1:, :] - image[..., :-1, :], image[..., :, 1:] - image[..., :, :-1]]
    return image.new_zeros(()) + sum(step.abs().mean() for step in steps if step.numel())


def total_variation_slope(image: Tensor) -> Tensor:
    """The derivative of `total_variation` by the picture, written out: a twentieth of a matching step on a small net that autograd would take."""
    slope = torch.zeros_like(image)
    if is_series(image):
        length = image.shape[-1] - 2
        if length > 0:
            bends = (image[..., 2:] - 2 * image[..., 1:-1] + image[..., :-2]).sign_()
            for start, share in ((0, 1), (1, -2), (2, 1)):
                slope.narrow(-1, start, length).add_(bends, alpha=share / bends.numel())
        return slope
    for axis in (-2, -1):
        length = image.shape[axis] - 1
        if length > 0:
            rise = (image.narrow(axis, 1, length) - image.narrow(axis, 0, length)).sign_()
            share = 1 / rise.numel()
            slope.narrow(axis, 1, length).add_(rise, alpha=share)
            slope.narrow(axis, 0, length).sub_(rise, alpha=share)
    return slope


SPREAD = 0.25  # standard deviation of a pixel that an attacker expects
CORRELATION = 0.9  # between colour channels, or channels of a series


def is_series(image: Tensor) -> bool:
    """Whether samples (b, channels, length) lie along time; pictures have two sides."""
    return image.ndim == 3


def smoothness(image: Tensor, middle: float) -> Tensor:
    """Twice the negative log of a prior on samples whose neighbours are alike, up to a constant: sum of c^2 / v over cosine coefficients; a scalar.

    The same law as the natural prior of the risk score (`core.waves.power`, channels are correlated), so that an attacker who also knows the noise looks for
    the picture, or the series, that is the most likely one under it.
    """
    return roots(image, middle).square().sum()


def roots(image: Tensor, middle: float) -> Tensor:
    """Numbers whose squares add up to `smoothness`, linear in the picture; two for each entry of it, flat."""
    spread = SPREAD * _power(image).sqrt()
    image = plane(image)
    c, h, w = image.shape[-3:]
    waves = cosines(h, image) @ (image - middle) @ cosines(w, image).T / spread
    common = waves.mean(dim=-3, keepdim=True)  # along the channels: their mean has one eigenvalue, what differs between them the other
    own = (waves - common) / (1 - CORRELATION if c > 1 else 1.0) ** 0.5
    return torch.cat([(common / (1 + (c - 1) * CORRELATION) ** 0.5).expand_as(own).flatten(), own.flatten()])


@dataclasses.dataclass(frozen=True, eq=False)
class Whitened:
    """Coordinates of pictures in which the law of `smoothness` is even: the sum of their squares is the picture's smoothness, and normal ones draw a texture."""

    middle: float
    common: float  # roots of what the channels' covariance scales: their mean, and what differs between them
    own: float
    size: Tensor  # (h, w), of series (1, length): standard deviations of cosine coefficients
    rows: Tensor
    columns: Tensor

    @classmethod
    def of(cls, like: Tensor, bounds: tuple[float, float]) -> Whitened:
        """`like` has the shape, precision and device of the pictures."""
        c, h, w = plane(like).shape[-3:]
        own = (1 - CORRELATION if c > 1 else 1.0) ** 0.5
        return cls(
            sum(bounds) / 2, (1 + (c - 1) * CORRELATION) ** 0.5, own, SPREAD * _power(like).sqrt(), cosines(h, like), cosines(w, like)
        )

    def picture(self, z: Tensor) -> Tensor:
        """The pictures at z, shape (..., c, h, w), or series (b, c, length), which need not lie inside the bounds."""
        flat = plane(z)
        mean = flat.mean(-3, keepdim=True)
        waves = (self.common * mean + self.own * (flat - mean)) * self.size
        return (self.middle + self.rows.T @ waves @ self.columns).view_as(z)


def textures(count: int, like: Tensor, rng: Generator) -> Tensor:
    """Samples drawn from the law of `smoothness`, around grey: random waves with the spectrum of natural pictures, (count, c, h, w), or of smooth series, (count, c, length); not clipped."""
    c, h, w = plane(like).shape[-3:]
    noise = randn_like(like.new_empty((count, c + 1, h, w)), rng)
    mixed = CORRELATION**0.5 * noise[:, :1] + (1 - CORRELATION) ** 0.5 * noise[:, 1:]  # every two channels are correlated
    drawn = 0.5 + SPREAD * cosines(h, like).T @ (mixed * _power(like).sqrt()) @ cosines(w, like)
    return drawn.view(count, *like.shape[-2:]) if is_series(like) else drawn


def plane(image: Tensor) -> Tensor:
    """Samples with two sides, (..., c, h, w): pictures as they are, series one line high."""
    return image.unsqueeze(-2) if is_series(image) else image


def _power(image: Tensor) -> Tensor:
    """Variances of cosine coefficients, on average 1, shape (h, w); of series (1, length)."""
    if is_series(image):
        return power(torch.arange(image.shape[-1]).to(image))[None]
    down, across = (torch.arange(side).to(image) for side in image.shape[-2:])
    return power(down[:, None], across[None])
