"""How a net begins, found by watching one batch go through: attacks that read the first layer's gradient rest on its kind."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ...core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ...core.types import Batch, Net

OTHER = "layer that is not fully connected"
ADDS_NOTHING = ("Flatten", "Identity", "Dropout")  # in evaluation mode
KEPT = 8  # modules, the first ones, whose numbers are looked at


def first_layer(net: Net, batch: Batch) -> tuple[str, str]:
    """("linear", activation behind it) where the private input itself enters a fully connected layer whose weight and bias lead the message; (OTHER, "") elsewhere.

    The activation is "relu" where what the next layer is given is the ReLU of what the first one makes of this batch, also where `forward` calls torch.relu; else the name of an
    activation of torch.nn that is given what the first layer makes; "" where it cannot be told.

    Args:
        net: on the inputs' own scale.
        batch: its batch; one private input.
    """
    if len(batch.modality.private) > 1:
        return OTHER, ""
    order: list[tuple[nn.Module, Tensor | None, Tensor | None]] = []
    hooks = [part.register_forward_hook(partial(_note, order)) for part in net.module.modules() if not list(part.children())]
    try:
        with torch.no_grad():
            net.outputs(net.params, batch)
    finally:
        for hook in hooks:
            hook.remove()
    order = [entry for entry in order if type(entry[0]).__name__ not in ADDS_NOTHING]
    if not order or not isinstance(order[0][0], torch.nn.Linear):
        return OTHER, ""
    layer, given, made = order[0]
    name = next(name for name, part in net.module.named_modules() if part is layer)
    lead = list(net.params)[:2] == [f"{name}.weight", f"{name}.bias"]
    alone = sum(part is layer for part, _, _ in order) == 1 and given is not None and given.ndim == 2
    same = alone and given is not None and given.shape == batch.private.flatten(1).shape and torch.equal(given, batch.private.flatten(1))
    if not (lead and same):
        return OTHER, ""
    return "linear", _activation(made, *order[1]) if len(order) > 1 else ""


def _activation(made: Tensor | None, part: nn.Module, given: Tensor | None, after: Tensor | None) -> str:
    """What is done to the numbers that the first layer makes before another layer has them; empty where it cannot be told."""
    if made is None or given is None or made.shape != given.shape:
        return ""
    if torch.equal(given, made):  # nothing stands between them: that layer itself is the activation
        if after is not None and after.shape == made.shape and torch.equal(after, made.relu()) and bool((made < 0).any()):
            return "relu"
        return type(part).__name__.lower() if type(part).__module__ == "torch.nn.modules.activation" else ""
    return "relu" if torch.equal(given, made.relu()) else ""


def _note(order: list[tuple[nn.Module, Tensor | None, Tensor | None]], part: nn.Module, given: tuple[Any, ...], made: Any) -> None:
    look = len(order) < KEPT
    order.append((part, _copied(given[0]) if look and given else None, _copied(made) if look else None))


def _copied(value: Any) -> Tensor | None:
    return value.detach().clone() if torch.is_tensor(value) else None
