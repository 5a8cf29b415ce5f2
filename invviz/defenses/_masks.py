"""Masks: which entries of a message are not sent."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..core.lazy import torch
from ..core.rng import derive
from ..core.tree import flatten, map_tree, unflatten

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Batch, Net, Release, Tree


def _without(message: Tree, flat: Tensor, dropped: Tensor) -> Tree:
    """The message with zeros at some places of its flat form `flat`."""
    kept = torch.ones_like(flat, dtype=torch.bool).scatter(0, dropped, False)
    return map_tree(lambda leaf, mask: leaf * mask, message, unflatten(kept, message))


def held_back(inner: Release, fraction: float, places: Callable[[Tensor, int], Tensor]) -> Release:
    """A release that leaves out a share of the entries.

    Args:
        inner: of the whole message.
        fraction: share of all entries.
        places: of the flat message and how many, the places of those that are left out.
    """

    def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
        message = inner(net, batch, rng)
        flat = flatten(message).detach()
        count = int(fraction * flat.numel())
        return message if count == 0 else _without(message, flat, places(flat, count))

    return release


def order_seed(seed: int) -> int:
    """What the fixed random order of `random_places` is drawn from."""
    return derive(seed, "mask")


@lru_cache(maxsize=2)
def _order(seed: int, count: int) -> np.ndarray:
    """A fixed random order. NumPy draws it, because torch.func.vmap does not allow PyTorch to."""
    return np.random.default_rng(order_seed(seed)).permutation(count)


def random_places(seed: int, flat: Tensor, count: int) -> Tensor:
    """Places of `count` entries of a flat message: the same ones for the same seed, more of them as `count` grows."""
    return torch.as_tensor(_order(seed, flat.numel())[:count], device=flat.device)
