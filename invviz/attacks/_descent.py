"""Adam on the sign of the gradient, as attacks with total variation use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

DROPS = (3 / 8, 5 / 8, 7 / 8)  # shares of the steps after which the learning rate is a tenth of what it was
FIRST, SECOND, TINY = 0.9, 0.999, 1e-8  # Adam's own constants (kingma2015adam)


class SignDescent:
    """Adam on the sign of a slope, with a falling learning rate, inside bounds (geiping2020inverting).

    The same numbers as `torch.optim.Adam` with `MultiStepLR`, whose bookkeeping for one small picture takes a tenth of a matching step.

    Args:
        image: moved in place.
        lr: learning rate at the start.
        steps: after 3/8, 5/8 and 7/8 of these it falls to a tenth.
        bounds: of pixels.
    """

    def __init__(self, image: Tensor, lr: float, steps: int, bounds: tuple[float, float]) -> None:
        self.image, self.lr, self.bounds = image, lr, bounds
        self._drops = [int(steps * part) for part in DROPS]
        self._mean, self._square, self._count = torch.zeros_like(image), torch.zeros_like(image), 0

    def step(self, slope: Tensor) -> None:
        """One step against the signs of `slope`, which is overwritten."""
        signs, lr = slope.sign_(), self.lr * 0.1 ** sum(self._count >= drop for drop in self._drops)
        self._count += 1
        self._mean.lerp_(signs, 1 - FIRST)
        self._square.mul_(SECOND).addcmul_(signs, signs, value=1 - SECOND)
        size = self._square.sqrt().div_((1 - SECOND**self._count) ** 0.5).add_(TINY)
        with torch.no_grad():
            self.image.addcdiv_(self._mean, size, value=-lr / (1 - FIRST**self._count)).clamp_(*self.bounds)
