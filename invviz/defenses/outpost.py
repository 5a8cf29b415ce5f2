"""Outpost: small entries are pruned, large ones get noise, more of it in layers whose weights are spread wide."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import map_tree
from ..core.types import Rules
from ..risk import Diagonal
from ._base import Needs, Suggested
from ._coloured import Coloured
from ._sparse import dropped, sparse_traffic

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World
    from ..risk import NoiseCovariance


@dataclasses.dataclass(frozen=True)
class Outpost(Coloured):
    """Sets the smallest entries of each layer to zero and adds normal noise of standard deviation risk * base to the largest ones.

    risk = min(variance of the layer's weights, 1), and the largest entries are those with the largest g^2, the empirical Fisher information
    [P]. Pruning and numbers are those of the published code [S]. That code has one threshold for the whole net, on g^2 averaged over a
    layer's outputs, and then returns the gradient unchanged; here every layer has its own threshold (Source: [D]), and what is pruned gets
    no noise, so the zeros show what was pruned.

    Acts in every round; in the paper noise dies out over the rounds, so late ones are open. base = 0 switches the pruning off too. A
    message whose entries are not named after the net's weights has risk 1.
    """

    name: ClassVar[str] = "outpost"
    title: ClassVar[str] = "Outpost"
    paper: ClassVar[str] = "wang2023outpost"
    needs: ClassVar[Needs] = Needs(gradient=True)
    strength: ClassVar[str] = "base"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "noise {v} times the spread of a layer's weights"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(levels=(0.1, 0.4, 0.8))
    adds_noise: ClassVar[bool] = False  # it prunes as well
    hides: ClassVar[bool] = True
    takes_directions: ClassVar[bool] = False
    guarantee: ClassVar[str] = "none: which entries get noise depends on the private picture"

    base: float = knob(
        0.8,
        "standard deviation of the noise in a layer whose weights have variance 1, absolute (published: 0.8); 0 prunes nothing either",
        low=0.0,
        high=1e6,
        log=True,
    )
    prune: float = knob(0.8, "share of every layer's entries that is set to zero, smallest first (published: 0.8)", low=0.0, high=0.9999)
    noisy_share: float = knob(
        0.4, "share of every layer's entries that gets noise, largest first, if they are sent at all (published: 0.4)", low=0.0, high=1.0
    )

    @property
    def noisy(self) -> bool:
        """At every base but 0."""
        return not self.off

    def wrap(self, inner: Release, world: World) -> Release:
        """Prune after the inner release, then add noise."""
        if self.off:
            return inner

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            sent = self._pruned(inner(net, batch, rng))
            if rng is None:
                return sent
            return map_tree(lambda leaf, extra: leaf + extra, sent, self.covariance(self._unit_variances(sent, net)).draw(rng))

        return release

    def basis(self, inner: Release, world: World, batch: Batch) -> Tree:
        """Variances at base = 1, in the message's shape."""
        return self._unit_variances(self._pruned(inner(world.net, batch, None)), world.net)

    def covariance(self, basis: Tree) -> NoiseCovariance:
        """The variances at this strength."""
        return Diagonal(map_tree(lambda v: v * self.base**2, basis))

    def rules(self, before: Release, message: Tree) -> Rules | None:
        """Which entries came are the largest of their layer; noise changes their values, not which they are."""
        return None if self.off else Rules(before, largest="part")

    def traffic(self, entries: float, bits: float, places: float = 0.0) -> tuple[float, float, float]:
        """The kept entries and their places."""
        return (entries, bits, places) if self.off else sparse_traffic(entries, bits, places, self.prune)

    def _pruned(self, message: Tree) -> Tree:
        """Every leaf without its smallest entries."""
        return {
            name: dropped({name: leaf}, -leaf.detach().abs().flatten(), int(self.prune * leaf.numel()))[name]
            for name, leaf in message.items()
        }

    def _unit_variances(self, sent: Tree, net: Net) -> Tree:
        """risk^2 on the largest entries of every leaf, unless they are zero; 0 elsewhere."""
        return {name: _risk(net, name) ** 2 * self._largest(leaf.detach()) for name, leaf in sent.items()}

    def _largest(self, leaf: Tensor) -> Tensor:
        places = leaf.flatten().abs().topk(round(self.noisy_share * leaf.numel())).indices
        return torch.zeros_like(leaf).flatten().scatter(0, places, 1.0).view_as(leaf) * (leaf != 0)


def _risk(net: Net, name: str) -> float:
    """Spread of a layer's weights: their variance, at most 1."""
    return min(1.0, float(net.params[name].var(correction=0))) if name in net.params else 1.0
