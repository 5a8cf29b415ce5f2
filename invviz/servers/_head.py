"""The last layer of a net, and what comes into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.errors import InvvizError
from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..core.types import Net, World


def last_linear(module: nn.Module) -> tuple[str, nn.Linear]:
    """The name of the last fully connected layer, with a dot behind, and the layer.

    Raises:
        InvvizError: there is none with a bias.
    """
    found = [(name, m) for name, m in module.named_modules() if isinstance(m, torch.nn.Linear)]
    if not found or found[-1][1].bias is None:
        raise InvvizError("This net does not end in a fully connected layer with a bias, whose weights the server sets. Use model=mlp.")
    return f"{found[-1][0]}.", found[-1][1]


def features(net: Net, world: World) -> Tensor:
    """What comes into the last layer of public samples, (k, features)."""
    kept: list[Tensor] = []
    handle = last_linear(net.module)[1].register_forward_pre_hook(lambda _, given: kept.append(given[0].detach()))
    try:
        with torch.no_grad():
            torch.func.functional_call(net.module, dict(net.params), (world.public,))
    finally:
        handle.remove()
    return kept[0].flatten(1)
