"""What the gradient of a layer of bins holds: a sample for each bin that is not empty, and which of them are certainly one sample."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.planted import Bins
    from ..core.types import Tree

ROUNDINGS = 16  # of all that went into a row's sum: what a difference of two rows may be of rounding alone
SURE = 1e-4  # largest rounding, relative to a sample's own values, at which twins can tell anything


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """What was read of every bin.

    Attributes:
        values: (bins, columns) in float64; zeros where nothing was.
        filled: (bins,) whether something is in it, as far as rounding allows to tell.
        certain: (bins,) whether twins agree that it is one sample; all False without twins.
        mass: (bins,) size of what is in it, by the bias's gradient.
        apart: mean squared difference of twins over the mean square of what they show, in bins that are filled; NaN without twins.
    """

    values: Tensor
    filled: Tensor
    certain: Tensor
    mass: Tensor
    apart: float


def read(message: Tree, plan: Bins, columns: slice | None = None) -> Reading:
    """Read all bins.

    Args:
        message: a gradient or an update that holds the layer's weight and bias; of any scale.
        plan: where they are.
        columns: in place of the plan's own, as of another client.
    """
    weight, bias = message[plan.weight].double(), message[plan.bias].double()
    eps = torch.finfo(message[plan.weight].dtype).eps
    weight, bias = weight[: plan.rows, columns or plan.columns or slice(None)], bias[: plan.rows]
    if plan.ones is not None:
        bias = weight[:, plan.ones]
    copies = [_one(w, b, plan.cumulative, eps) for w, b in zip(weight.chunk(1 + plan.twins), bias.chunk(1 + plan.twins), strict=True)]
    values, filled, error, mass = copies[0]
    if not plan.twins:
        return Reading(values, filled, torch.zeros_like(filled), mass, float("nan"))
    other, also, more, _ = copies[1]
    error = error + more
    off = (values - other).abs().amax(1)
    size = values.abs().amax(1).clamp(min=1e-300)
    certain = filled & also & (error < SURE * size) & (off <= error)
    both = filled & also
    apart = float(((values - other)[both] ** 2).sum() / (values[both] ** 2).sum()) if both.any() else float("nan")
    return Reading(values, filled, certain, mass, apart)


def _one(weight: Tensor, bias: Tensor, cumulative: bool, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Values, whether there are any, their largest error by rounding and how much they weigh, of one copy of the rows."""
    if cumulative:
        weight, bias = (torch.cat([t[:-1] - t[1:], t[-1:]]) for t in (weight, bias))
    mass = bias.abs()
    summed = mass.flip(0).cumsum(0).flip(0) if cumulative else mass  # what went into a row's own sum, without signs
    noise = ROUNDINGS * eps * summed
    filled = mass > (noise if cumulative else ROUNDINGS * eps * mass.amax())
    values = torch.where(filled[:, None], weight / bias[:, None], torch.zeros_like(weight))
    error = noise / mass.clamp(min=1e-300) * values.abs().amax(1)
    return values, filled, error, mass
