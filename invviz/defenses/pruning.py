"""Pruning: the smallest entries of the message are not sent."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.tree import flatten, map_tree
from . import _numpy
from ._base import Defense, Suggested
from ._sparse import sparse_traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class Pruning(Defense):
    """Sets the smallest entries (by magnitude, over the whole message) to zero.

    The mask is constant around this batch, so the Jacobian loses those rows (theory T6). The zeros show the attacker the mask.
    """

    name: ClassVar[str] = "pruning"
    title: ClassVar[str] = "Pruning"
    paper: ClassVar[str] = "zhu2019dlg"
    strength: ClassVar[str] = "fraction"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "{p} of the entries dropped"
    off_words: ClassVar[str] = ""
    suggested: ClassVar[Suggested] = Suggested(
        compared=((50, 0.9),), swept=(0.5, 0.997), first=True, levels=(0.5, 0.9, 0.99), victims=("gradient", "embedding")
    )
    hides: ClassVar[bool] = True
    on_update: ClassVar[Callable[..., Any] | None] = staticmethod(_numpy.pruning)

    fraction: float = knob(
        0.9, "share of all entries that is set to zero, smallest first (absolute share, not relative to the message)", low=0.0, high=0.9999
    )

    def wrap(self, inner: Release, world: World) -> Release:
        """Prune after the inner release."""

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            size = flatten(message).detach().abs()
            dropped = int(self.fraction * size.numel())
            if dropped == 0:
                return message
            smallest_kept = size.topk(size.numel() - dropped).values[-1]
            return map_tree(lambda leaf: leaf * (leaf.detach().abs() >= smallest_kept), message)

        return release

    def traffic(self, entries: float, bits: float, places: float = 0.0) -> tuple[float, float, float]:
        """The kept entries and their places."""
        return sparse_traffic(entries, bits, places, self.fraction)
