"""Sparse messages: which entries stay, and what it costs to say which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import flatten, map_tree, unflatten

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Tree

PLACE = 32  # bits that name one entry


def sparse_traffic(entries: float, bits: float, places: float, fraction: float) -> tuple[float, float, float]:
    """Entries that are sent, bits of a value, and of its place: named in 32 bits, or by one bit for every entry there is, what is cheaper.

    Args:
        entries: there are.
        bits: of one value.
        places: bits that name an entry already.
        fraction: share of them that is not sent, below 1.
    """
    return (entries, bits, places) if fraction == 0 else (entries * (1 - fraction), bits, places + min(PLACE, 1 / (1 - fraction)))


def dropped(message: Tree, scores: Tensor, count: int) -> Tree:
    """The message with zeros for the entries of the highest scores.

    Args:
        message: the whole one.
        scores: one for each entry of the flat message.
        count: how many entries go.
    """
    if count == 0:
        return message
    kept = torch.ones_like(flatten(message), dtype=torch.bool).scatter(0, scores.topk(count).indices, False)
    return map_tree(lambda leaf, mask: leaf * mask, message, unflatten(kept, message))
