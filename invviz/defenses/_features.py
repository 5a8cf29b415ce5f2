"""The features that enter the last fully connected layer: to look at them, and to change them on their way."""

from __future__ import annotations

import copy
import dataclasses
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.rng import derive
from ..core.tree import map_tree
from ..core.types import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from ..core.types import Net

MOST_PROBED = 20_000_000  # numbers in all probes
AT_ONCE = 1_000_000  # numbers that a function may give for all probes of one go


def last_linear(module: nn.Module, who: str) -> str:
    """Name of the last fully connected layer, by the order in which the module names its parts.

    Args:
        module: the net.
        who: asks for it; named in the error.

    Raises:
        InvvizError: there is none.
    """
    names = [name for name, part in module.named_modules() if isinstance(part, torch.nn.Linear)]
    if not names:
        raise InvvizError(
            f"{who} acts on the last fully connected layer, and this net has none. Choose a net with one (all models listed here), or another defense."
        )
    return names[-1]


def with_inputs_through(net: Net, layer: str, change: Callable[[Tensor], Tensor]) -> Net:
    """A net whose layer gets `change(input)` for its input.

    The modules are copied and their tensors shared: the given net gets no hook, and several threads can have copies of it with different changes. (A thread that
    computes with the given module itself meanwhile is in the way, as always with torch.func.functional_call.)
    """
    tensors = [*net.module.parameters(), *net.module.buffers()]
    module = copy.deepcopy(net.module, {id(tensor): tensor for tensor in tensors})
    module.get_submodule(layer).register_forward_pre_hook(lambda part, given: (change(given[0]), *given[1:]))
    return dataclasses.replace(net, module=module)  # a larger net (PRECODE's) stays what it is


def features(net: Net, layer: str) -> Callable[[Batch], Tensor]:
    """A function that tells what enters the layer, shape (b, features), of a batch."""
    caught: list[Tensor] = []

    def catch(given: Tensor) -> Tensor:
        caught.append(given)
        return given

    tapped = with_inputs_through(net, layer, catch)

    def of(batch: Batch) -> Tensor:
        caught.clear()
        tapped.outputs(tapped.params, batch)
        return caught.pop().flatten(1)

    return of


def still(batch: Batch) -> tuple[Tensor, Callable[[Tensor], Batch]]:
    """The batch's pictures as a constant, and the same batch with other pictures in their place."""
    inputs, targets = (map_tree(lambda leaf: leaf.detach(), tree) for tree in (batch.inputs, batch.targets))
    calm = dataclasses.replace(batch, inputs=inputs, targets=targets)
    return calm.private, calm.at


@lru_cache(maxsize=2)
def _directions(count: int, size: int) -> np.ndarray:
    """Fixed random directions at right angles, shape (count, size), of length sqrt(size / count); all unit vectors where there are enough of them."""
    if min(count, size) * size > MOST_PROBED:
        raise InvvizError(
            f"{min(count, size):,} probes of {size:,} inputs are more than fit into memory; at most {MOST_PROBED // size:,} here. Lower probes or the batch."
        )
    if count >= size:
        return np.eye(size)
    random = np.random.default_rng(derive(size, "probes")).standard_normal((size, count))
    return np.linalg.qr(random)[0].T * (size / count) ** 0.5


def slopes(fn: Callable[[Tensor], Tensor], image: Tensor, count: int, shared: bool) -> tuple[Tensor, Tensor]:
    """Value of a function of the pictures and, entry by entry, the squared norm of its derivative: sum over probes v of (J v)^2.

    Right on average over the choice of directions, and exact with as many of them as there are numbers (Source: [P] chen2024optimal for independent normal
    directions; [D] for these, which err less). NumPy draws them, because torch.func.vmap does not allow PyTorch to.

    Args:
        fn: differentiable.
        image: shape (b, c, h, w), a constant.
        count: probes.
        shared: each sample's entries depend on that sample only, so one probe serves all samples at once.
    """
    shape = image.shape[1:] if shared else image.shape
    probes = torch.as_tensor(_directions(count, shape.numel()), dtype=image.dtype, device=image.device)

    def along(probe: Tensor) -> Tensor:
        return torch.func.jvp(fn, (image,), (probe.view(shape).expand(image.shape),))[1]

    value = fn(image)
    parts = probes.split(max(1, AT_ONCE // value.numel()))
    return value, torch.stack([torch.func.vmap(along)(part).square().sum(0) for part in parts]).sum(0)
