"""Weights of a fully connected first layer each row of which few samples activate, set in the honest net without another layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.planted import Neurons
from ..core.types import Net
from ._planter import copied

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import World

TRIED = 20  # public batches by which it is said before what will be read


def with_rows(net: Net, weight: Tensor, bias: Tensor, world: World) -> Net:
    """The honest net with the first layer's weight and bias exchanged, and the plan of that."""
    first, second = list(net.params)[:2]
    module = copied(net)
    own = dict(module.named_parameters())
    with torch.no_grad():
        for name, values in ((first, weight), (second, bias)):
            own[name].copy_(values)
    return Net.of(module, net.task, plan=Neurons(first, second, alone_somewhere(weight, bias, world)))


def alone_somewhere(weight: Tensor, bias: Tensor, world: World) -> float:
    """The share of a batch that activates some row alone, mean over batches of public samples; NaN where there is none of that size."""
    size = max(1, world.batch_size)
    public = world.public.flatten(1).to(weight)
    batches = public[: len(public) // size * size].reshape(-1, size, public.shape[1])
    if not len(batches):
        return float("nan")
    chosen = batches[torch.linspace(0, len(batches) - 1, min(TRIED, len(batches))).long()]
    return sum(covered(weight, bias, batch).double().mean().item() for batch in chosen) / len(chosen)


def covered(weight: Tensor, bias: Tensor, batch: Tensor) -> Tensor:
    """Which samples of a batch (b, inputs) activate some row alone, (b,)."""
    active = batch @ weight.T + bias > 0
    return (active & (active.sum(0) == 1)).any(1)
