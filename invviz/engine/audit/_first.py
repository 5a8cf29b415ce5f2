"""How a net begins, found by watching one batch go through: attacks that read the first layer's gradient rest on its kind."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ...core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...core.types import Batch, Net

OTHER = "layer that is not fully connected"


def first_layer(net: Net, batch: Batch) -> tuple[str, str]:
    """("linear", activation behind it) where the private input itself enters a fully connected layer whose weight and bias lead the message; (OTHER, "") elsewhere.

    Args:
        net: on the inputs' own scale.
        batch: its batch; one private input.
    """
    if len(batch.modality.private) > 1:
        return OTHER, ""
    order: list[tuple[nn.Module, Tensor | None]] = []
    hooks = [part.register_forward_pre_hook(partial(_note, order)) for part in net.module.modules() if not list(part.children())]
    try:
        with torch.no_grad():
            net.outputs(net.params, batch)
    finally:
        for hook in hooks:
            hook.remove()
    order = [entry for entry in order if not isinstance(entry[0], (torch.nn.Flatten, torch.nn.Identity, torch.nn.Dropout))]
    if not order or not isinstance(order[0][0], torch.nn.Linear):
        return OTHER, ""
    layer, given = order[0]
    name = next(name for name, part in net.module.named_modules() if part is layer)
    lead = list(net.params)[:2] == [f"{name}.weight", f"{name}.bias"]
    alone = sum(part is layer for part, _ in order) == 1 and given is not None and given.ndim == 2
    same = alone and given is not None and given.shape == batch.private.flatten(1).shape and torch.equal(given, batch.private.flatten(1))
    if not (lead and same):
        return OTHER, ""
    return "linear", type(order[1][0]).__name__.lower() if len(order) > 1 else ""


def _note(order: list[tuple[nn.Module, Tensor | None]], part: nn.Module, given: tuple[Tensor, ...]) -> None:
    order.append((part, given[0].detach() if given and torch.is_tensor(given[0]) else None))
