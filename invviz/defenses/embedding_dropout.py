"""Embedding dropout: random entries of the embedding are not sent, others every time."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.tree import map_tree, rand_like
from ._base import Defense, Needs, Suggested
from ._masks import held_back, random_places
from ._noise import Noise
from ._sparse import sparse_traffic

if TYPE_CHECKING:
    from torch import Generator

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Size, Tree, World


@dataclasses.dataclass(frozen=True)
class EmbeddingDropout(Defense):
    """Sends zero for each entry of the embedding with some probability, drawn afresh for every message, and divides the others by what is left.

    Dropout [P] at the cut, and kept up when the net is used: the top net never sees a whole embedding. Division by 1 - p, as libraries do it ("inverted dropout"), keeps the
    embedding right on average, so that a top net that was trained without dropout can be used; one that is trained with it can do without.

    The zeros show an attacker which entries are missing (those that were zero anyway, behind a ReLU, are counted among them), and one who knows the defense skips
    them. Where later noise covers the zeros, it believes in the mean. The risk is that of a typical draw, which leaves out exactly this share: J loses those
    rows, and the others are divided by 1 - p (Source: [D] T6). Training passes gradients back to dropped entries, too (straight-through).
    """

    name: ClassVar[str] = "embedding_dropout"
    title: ClassVar[str] = "Embedding dropout"
    paper: ClassVar[str] = "srivastava2014dropout"
    strength: ClassVar[str] = "probability"
    identity: ClassVar[Value] = 0.0
    suggested: ClassVar[Suggested] = Suggested(compared=((80, 0.3),), levels=(0.1, 0.3, 0.6), victims=("embedding",))
    hides: ClassVar[bool] = True
    by_lot: ClassVar[bool] = True
    redraws: ClassVar[bool] = True
    needs: ClassVar[Needs] = Needs(embedding=True)

    probability: float = knob(0.3, "chance of every entry to be dropped, for each sample and message", low=0.0, high=0.999)
    scaled: bool = knob(True, "entries that are sent are divided by 1 - probability; False: they are sent as they are")

    @property
    def gain(self) -> float:
        """1 / (1 - p), or 1."""
        return 1 / (1 - self.probability) if self.scaled else 1.0

    def wrap(self, inner: Release, world: World) -> Release:
        """Drop after the inner release; without a generator the typical draw."""
        if self.probability == 0:
            return inner
        typical = held_back(inner, self.probability, lambda flat, count: random_places(0, flat, count))

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            if rng is None:
                return map_tree(lambda leaf: leaf * self.gain, typical(net, batch, None))
            return map_tree(lambda leaf: leaf * (rand_like(leaf, rng) >= self.probability) * self.gain, inner(net, batch, rng))

        return release

    def simulated(self, inner: Release, world: World, message: Tree) -> Release:
        """The mean over draws: an attacker asks for this only where the zeros do not show."""
        mean = self.gain * (1 - self.probability)
        return lambda net, batch, rng: map_tree(lambda leaf: leaf * mean, inner(net, batch, rng))

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """Earlier noise on entries that are sent is scaled as they are."""
        return Noise(passes=self.gain)

    def traffic(self, entries: float, bits: float, places: float = 0.0) -> tuple[float, float, float]:
        """The entries that are sent, and their places."""
        return sparse_traffic(entries, bits, places, self.probability)

    def caveat(self) -> str:
        """One draw stands for all."""
        if self.probability == 0:
            return ""
        return (
            "The score is of one typical draw, which drops exactly this share of the entries; the message's own draw leaves others, which may tell much more or "
            "less where about as many are left as there are pixel values; and every further message of the same picture shows other entries."
        )
