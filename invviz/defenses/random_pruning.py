"""Random pruning: a random part of the message is not sent."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from . import _numpy
from ._base import Defense, Suggested
from ._masks import held_back, order_seed, random_places

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.component import Value
    from ..core.types import Release, World


@dataclasses.dataclass(frozen=True)
class RandomPruning(Defense):
    """Sets a random choice of entries to zero; the zeros show the attacker which.

    The choice is fixed by `mask_seed`, and the generator plays no part: the Jacobian, which loses the dropped rows (Source: [D] T6), is then that of the very
    message that is sent. A system that chooses afresh in every round shows other entries each time; over several rounds it gives away more than
    is shown here, where the same ones stay dark. Kept entries are not scaled up. (`pruning` keeps the largest entries: top-k.)
    """

    name: ClassVar[str] = "random_pruning"
    title: ClassVar[str] = "Random pruning"
    paper: ClassVar[str] = "konecny2016strategies"
    strength: ClassVar[str] = "fraction"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "{p} of the entries dropped"
    off_words: ClassVar[str] = ""
    suggested: ClassVar[Suggested] = Suggested(levels=(0.5, 0.9, 0.99))
    hides: ClassVar[bool] = True
    by_lot: ClassVar[bool] = True
    on_update: ClassVar[Callable[..., Any] | None] = staticmethod(_numpy.random_pruning)

    fraction: float = knob(
        0.9,
        "share of all entries that is set to zero, chosen at random (absolute share, not relative to the message)",
        low=0.0,
        high=0.9999,
    )
    mask_seed: int = knob(0, "seed of the choice; more entries join it as the share grows", low=0, high=2**31 - 1)

    def wrap(self, inner: Release, world: World) -> Release:
        """Prune after the inner release."""
        return held_back(inner, self.fraction, lambda flat, count: random_places(self.mask_seed, flat, count))

    def update_knobs(self) -> dict[str, Value]:
        """The share, and the seed of the order in which entries leave."""
        return {"fraction": self.fraction, "order_seed": order_seed(self.mask_seed)}

    def traffic(self, entries: float, bits: float, places: float = 0.0) -> tuple[float, float, float]:
        """The kept entries; the seed says which they are."""
        return entries * (1 - self.fraction), bits, places
