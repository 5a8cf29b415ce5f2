"""CENSOR: in place of the gradient a random step at right angles to it is sent."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import map_tree, randn_like
from ..core.types import Rules
from ._base import Defense, Needs, Suggested
from ._noise import Noise

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Size, Tree, World


@dataclasses.dataclass(frozen=True)
class Censor(Defense):
    """Draws, layer by layer, random directions at right angles to the message and as long as it is; sends the one that lowers the loss most [P].

    Directions are v - (<v, m> / <m, m>) m for normal v, scaled to ||m||; a layer of one number has none and sends 0. Of `tries` whole candidates o the one with
    the lowest loss at theta - step o is taken, even if no step at all were better: unlike the published algorithm this never sends m itself. It acts in
    every round, not only in the first ones. Sent is sqrt(1 - s^2) m + s o for share s, which keeps each layer's norm; s = 1 is the paper's.

    Given m, o points as often one way as the other (but for the choice among candidates, which acts through curvature), so the noise-free part is
    sqrt(1 - s^2) m, and the noise has s^2 ||m||^2 / p an entry on average over all layers (Source: [D]). At s = 1 nothing is left that a first-order score
    could see, nor a training step use: <o, m> = 0.
    """

    name: ClassVar[str] = "censor"
    title: ClassVar[str] = "CENSOR"
    paper: ClassVar[str] = "zhang2025censor"
    needs: ClassVar[Needs] = Needs(gradient=True, inside=True)
    strength: ClassVar[str] = "share"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "{p} of every layer's norm at right angles"
    off_words: ClassVar[str] = ""
    suggested: ClassVar[Suggested] = Suggested(levels=(0.25, 0.5, 1.0))
    reads_batch: ClassVar[bool] = True

    share: float = knob(
        1.0, "share of every layer's norm that is at right angles to the true message (1: all of it, as in the paper)", low=0.0, high=1.0
    )
    tries: int = knob(20, "candidates, of which the one with the lowest loss is sent", low=1, high=1000)
    step: float = knob(
        1e-4,
        "learning rate of the trial step that ranks candidates (1 where the message is a change of weights)",
        low=1e-8,
        high=10.0,
        log=True,
    )

    @property
    def left(self) -> float:
        """Share of the message itself."""
        return math.sqrt(1 - self.share**2)

    def wrap(self, inner: Release, world: World) -> Release:
        """Replace what the inner release sends."""
        if self.share == 0:
            return inner

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            if rng is None:
                return map_tree(lambda leaf: self.left * leaf, message)
            best = self._best(message, net, batch, rng)
            return map_tree(lambda leaf, other: self.left * leaf + self.share * other, message, best)

        return release

    def _best(self, message: Tree, net: Net, batch: Batch, rng: Generator) -> Tree:
        """The candidate of the lowest loss; the first where the message is not one of this net's weights."""
        best, lowest = {}, math.inf
        for _ in range(self.tries):
            candidate = map_tree(lambda leaf: sideways(leaf.detach(), rng), message)
            loss = self._loss_after(candidate, net, batch)
            if not best or loss < lowest:
                best, lowest = candidate, loss
        return best

    def _loss_after(self, candidate: Tree, net: Net, batch: Batch) -> float:
        """Loss after the trial step; infinite where it cannot be told."""
        if not candidate.keys() & net.params.keys():
            return math.inf
        with torch.no_grad():
            stepped = {k: p - self.step * candidate[k] if k in candidate else p for k, p in net.params.items()}
            loss = float(net.loss(stepped, batch))
        return math.inf if math.isnan(loss) else loss

    def rules(self, before: Release, message: Tree) -> Rules | None:
        """Every layer of what is sent has the norm of the true one, and stands at a known angle to it."""
        if self.share == 0:
            return None
        known = {name: leaf for name, leaf in message.items() if leaf.numel() > 1 and bool(leaf.any())}

        def equal(bare: Tree) -> Tensor:
            norms = [bare[name].square().sum().clamp(min=1e-300).sqrt() for name in known]
            lengths = [(norm / leaf.norm()).log() for norm, leaf in zip(norms, known.values(), strict=True)]
            angles = [
                (bare[name] * leaf).sum() / (norm * leaf.norm()) - self.left
                for norm, (name, leaf) in zip(norms, known.items(), strict=True)
            ]
            return torch.stack([*lengths, *angles])

        return Rules(before, equal=equal, passes=self.left) if known else None

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """s^2 times the mean square of the entries; of noise from before it, what the message keeps of itself."""
        return Noise("fixed length", "shape", variance=(self.share * size.rms) ** 2, passes=self.left)

    @property
    def noisy(self) -> bool:
        """At every share but 0."""
        return self.share > 0

    def for_risk(self) -> Defense | None:
        """The share alone: how the direction is chosen does not matter."""
        return None if self.share == 0 else Censor(share=self.share)

    def caveat(self) -> str:
        """What the score cannot see."""
        if self.share == 0:
            return ""
        return (
            "CENSOR's noise is stated as one variance for all entries, and layers with small gradients get less: the risk may be higher than shown. The score "
            "does not see that every layer's norm is kept, that at share=1 what is sent is at right angles to the true message, nor what the choice by "
            "lowest loss tells; and over many rounds of one batch the missing direction shows."
        )


def sideways(leaf: Tensor, rng: Generator) -> Tensor:
    """A random tensor at right angles to `leaf` and of its norm; zero where there is none."""
    square = (leaf * leaf).sum()
    drawn = randn_like(leaf, rng)
    if leaf.numel() == 1 or square == 0:
        return torch.zeros_like(leaf)
    for _ in range(2):  # once more takes away what rounding left
        drawn = drawn - (drawn * leaf).sum() / square * leaf
    return drawn * (square.sqrt() / drawn.norm())
