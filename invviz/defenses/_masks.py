"""Masks: which entries of a message are not sent."""

from __future__ import annotations

import math
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


WHOLE = 0.9999  # share of a part from which all of it is left out: the most that a defense takes
PARTS = ("all", "first layer", "first block", "last layer")
"""Parts of a message of which entries are left out. Layers stand in the order of the net; the first layer of a net for sentences holds the embeddings of words and places. A net without blocks has its second layer for the first block."""


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


def held_back_in(inner: Release, fraction: float, part: str, places: Callable[[Tensor, int], Tensor]) -> Release:
    """A release that leaves out a share of one part of the entries, rounded up to whole ones, and from WHOLE on all of it; arguments as of `held_back`, and `part`, one of PARTS but the first."""

    def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
        message = inner(net, batch, rng)
        flat, inside = flatten(message).detach(), of_part(message, part)
        count = len(inside) if fraction >= WHOLE else math.ceil(fraction * len(inside))
        if count == 0:
            return message
        inside = torch.as_tensor(inside, device=flat.device)
        return _without(message, flat, inside[places(flat[inside], count)])

    return release


def of_part(message: Tree, part: str) -> np.ndarray:
    """Places in the flat message of a part of it, ascending: none where the net has no such part."""
    layers = list(dict.fromkeys(map(_layer, message)))
    named = {
        "first layer": layers[:1],
        "last layer": layers[-1:],
        "first block": [one for one in layers[1:] if _block(one) == _block(layers[1])],
    }
    found, start = [], 0
    for name, leaf in message.items():
        if _layer(name) in named[part]:
            found.append(np.arange(start, start + leaf.numel()))
        start += leaf.numel()
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _layer(name: str) -> str:
    """The layer that a parameter belongs to."""
    return name.rpartition(".")[0] or name


def _block(layer: str) -> str:
    """The block that a layer belongs to: its name up to the first part with a number in it, such as "block1" of "block1.qkv" and "blocks.0" of "blocks.0.mlp.2"; the layer itself where there is no such part."""
    parts = layer.split(".")
    ends = [k for k, part in enumerate(parts) if any(letter.isdigit() for letter in part)]
    return ".".join(parts[: ends[0] + 1]) if ends else layer


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
