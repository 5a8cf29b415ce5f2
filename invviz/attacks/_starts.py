"""Several starts of one search side by side: their messages in one call, and what they have in common."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


VECTORISED = 16_384  # input values per start up to which one call is cheaper (measured: 2.2 times at 3,072, even at 12,288, dearer at 49,152 with wide layers)


def loss_of_each(loss: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """A loss of every start, shape (starts,): vectorised over the starts where that is cheaper and the release allows it, else one after the other.

    Args:
        loss: of one batch of pictures (b, c, h, w), a scalar.
        images: (starts, b, c, h, w).
    """
    if len(images) > 1 and images[0].numel() <= VECTORISED:
        try:
            return torch.func.vmap(loss)(images)
        except RuntimeError:  # a defense that branches on values, which vmap refuses
            pass
    return torch.stack([loss(image) for image in images])


@dataclasses.dataclass(frozen=True, eq=False)
class Registration:
    """Which sample of every start shows the same as sample j of a reference, and by how many pixels it is shifted.

    Ours, in place of the optical flow (RANSAC-flow) of yin2021see: whole pixels, at most `reach` of them, what leaves at one border comes in at the other; and
    samples of one label, whose order a gradient does not tell, are assigned to each other by least squared error.
    """

    index: Tensor  # (starts, b * h * w): where each registered pixel comes from

    @classmethod
    def of(cls, images: Tensor, reference: Tensor, labels: Tensor, reach: int) -> Registration:
        """Register every start, images (starts, b, c, h, w), to a reference (b, c, h, w); labels (b,)."""
        return cls(torch.stack([_place(start, reference, labels, reach) for start in images.detach()]))

    def apply(self, images: Tensor) -> Tensor:
        """The registered pictures, shape as `images`; differentiable."""
        starts, size, channels, height, width = images.shape
        pixels = images.transpose(1, 2).reshape(starts, channels, -1)
        moved = pixels.gather(2, self.index[:, None].expand(-1, channels, -1))
        return moved.view(starts, channels, size, height, width).transpose(1, 2)


def disagreement(images: Tensor, registration: Registration) -> Tensor:
    """Group consistency: mean squared distance of every start to the mean of all registered ones, summed over starts; a scalar (yin2021see)."""
    registered = registration.apply(images)
    return (registered - registered.mean(0)).square().mean(dim=(1, 2, 3, 4)).sum()


def shifts(moving: Tensor, fixed: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Squared error of every pair at its best shift, shape (n, m), and that shift (down, across) of the moving picture, shape (n, m, 2).

    Args:
        moving: (n, c, h, w).
        fixed: (m, c, h, w).
        reach: most pixels in either direction.
    """
    height, width = fixed.shape[-2:]
    waves = torch.fft.rfft2(moving)[:, None].conj() * torch.fft.rfft2(fixed)[None]
    alike = torch.fft.irfft2(waves.sum(2), s=(height, width))  # entry (d, e): product sum of `fixed` with `moving` rolled by d and e
    down, across = (
        torch.arange(-min(reach, (side - 1) // 2), min(reach, (side - 1) // 2) + 1, device=fixed.device) for side in (height, width)
    )
    alike = alike[:, :, down % height][:, :, :, across % width].flatten(2)
    best, at = alike.max(2)
    error = moving.square().sum((1, 2, 3))[:, None] + fixed.square().sum((1, 2, 3))[None] - 2 * best
    return error, torch.stack([down[at // len(across)], across[at % len(across)]], -1)


def _place(start: Tensor, reference: Tensor, labels: Tensor, reach: int) -> Tensor:
    """The pixels of one start that lie on those of the reference, as places in the flattened start, shape (b * h * w,)."""
    from scipy.optimize import linear_sum_assignment

    size, _, height, width = start.shape
    y, x = torch.arange(height, device=start.device)[:, None], torch.arange(width, device=start.device)[None]
    places = torch.empty((size, height, width), dtype=torch.long, device=start.device)
    for label in labels.unique():
        own = (labels == label).nonzero().flatten()
        error, shift = shifts(start[own], reference[own], reach)
        for i, j in zip(*linear_sum_assignment(error.nan_to_num(1e12, 1e12, -1e12).cpu().numpy()), strict=True):
            down, across = shift[i, j]
            places[own[j]] = own[i] * height * width + (y - down) % height * width + (x - across) % width
    return places.flatten()
