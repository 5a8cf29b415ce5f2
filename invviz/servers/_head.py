"""The last layer of a net, what comes into it, and what servers ask for that single out one sample by it."""

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


def singling_problems(name: str, does: str, target: int, num_classes: int, together: int) -> list[str]:
    """Why no one sample can be singled out by a class: there is none of that number, or nothing to pick it out of.

    Args:
        name: of the server.
        does: what it does with the class, in a verb.
        target: number of the class.
        num_classes: of the data set.
        together: samples in all messages that it sees in one.
    """
    found = []
    if target >= num_classes:
        found.append(
            f"{name} {does} class {target}, and classes are numbered 0 to {num_classes - 1}. Set target={num_classes - 1} or less."
        )
    if together == 1:
        found.append(
            f"{name} picks one sample out of a batch; batch is 1. Set batch=2 or more, or use server=honest, which reads one sample as well."
        )
    return found
