"""Gradient dropping: the largest entries are sent, and the rest is saved up for later rounds."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import flatten, map_tree, unflatten
from ._base import Defense, Needs, Suggested
from ._sparse import sparse_traffic

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class GradientDropping(Defense):
    """Adds the message to what was left over from earlier rounds, sends the largest entries of the sum and keeps the others.

    The message is that of round `rounds` of a client who met the same batch at the same net in every round before: what it sends is then a whole multiple
    k_i m_i, where k_i is how many rounds entry i has waited (Source: [D]). With one round this is `pruning`. Of the paper [P] this is the sparsification
    with its residual, over the whole message; not its momentum correction, clipping, momentum masking and warm-up.

    An attacker who knows the defense sees which entries came, not for how long they had waited, and takes the whole multiple of its own guess that fits best.
    Hidden remain the entries that did not come (that they are small is not used), and of the others the multiple, where another fits as well. On a small LeNet
    with 90 % dropped, round 5: 9 dB at face value, 32 dB so, 13 dB with the multiples that the guess itself would have given (Source: [D], measured).
    """

    name: ClassVar[str] = "gradient_dropping"
    title: ClassVar[str] = "Gradient dropping"
    paper: ClassVar[str] = "lin2018dgc"
    needs: ClassVar[Needs] = Needs(gradient=True)
    strength: ClassVar[str] = "fraction"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "{p} of the entries dropped"
    off_words: ClassVar[str] = ""
    suggested: ClassVar[Suggested] = Suggested(levels=(0.9, 0.99, 0.999))
    exact: ClassVar[bool] = True
    remembers: ClassVar[bool] = True

    # in this order in the full text, from which stored keys are made
    rounds: int = knob(
        1, "the round whose message is seen; in all rounds before it the client had the same batch and net", low=1, high=50, unit="rounds"
    )
    fraction: float = knob(
        0.99,
        "share of all entries that is not sent in a round, smallest first (absolute share, not relative to the message)",
        low=0.0,
        high=0.9999,
    )

    @property
    def jumps(self) -> str:
        """Which entries come, and after how many rounds."""
        return "" if self.off else "choice of withheld entries"

    def wrap(self, inner: Release, world: World) -> Release:
        """Save up and send after the inner release."""

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            waited, sent = self._history(flatten(message).detach().abs())
            return _times(message, waited * sent)

        return release

    def simulated(self, inner: Release, world: World, message: Tree) -> Release:
        """Entries that came, each times the number of rounds (1 to `rounds`) that brings the guess nearest to what came; nothing is said of the others."""
        if not message:
            return self.wrap(inner, world)
        target = flatten(message).detach()

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            guess = inner(net, batch, rng)
            size = flatten(guess).detach()
            waited = (target / torch.where(size == 0, torch.ones_like(size), size)).round().clamp(1, self.rounds)
            return _times(guess, waited * (target != 0))

        return release

    def _history(self, size: Tensor) -> tuple[Tensor, Tensor]:
        """For how many messages each entry stands in the last round, and whether it is sent in it (1 or 0)."""
        kept = size.numel() - int(self.fraction * size.numel())
        waited, sent = torch.ones_like(size), torch.ones_like(size)
        for place in range(self.rounds):
            if place:
                waited = torch.where(sent > 0, torch.ones_like(waited), waited + 1)
            sent = torch.zeros_like(size).scatter(0, (waited * size).topk(kept).indices, 1.0)
        return waited, sent

    def traffic(self, entries: float, bits: float, places: float = 0.0) -> tuple[float, float, float]:
        """The entries of one round and their places."""
        return sparse_traffic(entries, bits, places, self.fraction)

    def caveat(self) -> str:
        """Later rounds tell more than the one that is scored."""
        if self.rounds == 1 or self.fraction == 0:
            return ""
        return (
            "The score is of the last round's message alone. Whoever kept the messages of all rounds has seen other entries in each, so the risk over all of "
            "them is higher than shown."
        )


def _times(message: Tree, factors: Tensor) -> Tree:
    """Every entry times its own factor."""
    return map_tree(lambda leaf, factor: leaf * factor, message, unflatten(factors, message))
