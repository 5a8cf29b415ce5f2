"""A net in training mode, as clients compute gradients: batch norm by the batch's own mean and variance."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from typing import TYPE_CHECKING

from .errors import InvvizError
from .lazy import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from .types import Batch, Net

    Statistics = dict[str, tuple[Tensor, Tensor]]
    """For every batch-norm layer by name, in the order of the net: mean and variance of each channel, shape (channels,) each."""


def norms(module: nn.Module) -> dict[str, nn.modules.batchnorm._BatchNorm]:
    """The batch-norm layers of a module by name, in its order."""
    return {name: part for name, part in module.named_modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)}


def in_training_mode(net: Net) -> Net:
    """The same net with batch norm by the statistics of whatever batch comes; no running statistics are read or changed.

    The modules are copied and their tensors shared, so the given net stays as it is. Dropout layers stay off: no draw is made here.
    """
    module = _twin(net.module, {})
    for layer in norms(module).values():
        layer.training, layer.track_running_stats = True, False  # PyTorch then hands no buffers on, which torch.func needs as well
    return dataclasses.replace(net, module=module)


def _twin(module: nn.Module, known: dict[int, nn.Module]) -> nn.Module:
    """Modules of their own that hold the same tensors; copy.deepcopy goes through every setting of every layer, and this is asked for at every step of an attack."""
    if id(module) not in known:
        known[id(module)] = twin = copy.copy(module)
        for name, held in vars(module).items():
            if isinstance(held, dict):  # parameters, buffers, hooks, parts
                twin.__dict__[name] = held.copy()
        for name, part in module._modules.items():
            twin._modules[name] = part if part is None else _twin(part, known)
    return known[id(module)]


def batch_statistics(net: Net, batch: Batch) -> tuple[Statistics, dict[str, int]]:
    """What every batch-norm layer of the net in training mode meets; differentiable in the batch, also under torch.func.

    Args:
        net: as it is shared.
        batch: pictures; labels play no part.

    Returns:
        Mean and variance (of n numbers, divided by n) per layer; and n, the numbers per channel: pictures times height times width there.

    Raises:
        InvvizError: a channel has one number only, so it has no variance.
    """
    trained, found, counts = in_training_mode(net), {}, {}

    def watch(name: str):
        def hook(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            rest = [d for d in range(given[0].ndim) if d != 1]
            variance, mean = torch.var_mean(given[0], rest, correction=0)
            found[name], counts[name] = (mean, variance), given[0].numel() // given[0].shape[1]

        return hook

    for name, layer in norms(trained.module).items():
        layer.register_forward_pre_hook(watch(name))
    with enough_numbers():
        trained.outputs(trained.params, batch)
    return found, counts


@contextlib.contextmanager
def enough_numbers() -> Iterator[None]:
    """Inside, PyTorch's complaint about a channel with one number is said in our words."""
    try:
        yield
    except ValueError as err:
        if "more than 1 value per channel" not in str(err):
            raise
        raise InvvizError(
            "In training mode batch norm needs more than one number per channel, and deep in this net one picture has only one. "
            "Use a batch of 2 or more, larger pictures or fewer blocks."
        ) from err
