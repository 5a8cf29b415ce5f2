"""Optimal pruning: the entries that tell most about the picture, for what they are worth in training, are not sent."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import flatten
from ._base import Defense, Needs, Suggested
from ._features import slopes, still
from ._sparse import dropped, sparse_traffic

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World

SMALLEST, LARGEST = 1e-8, 1e6  # of |g_i| in the denominator, and of the ratio


@dataclasses.dataclass(frozen=True)
class OptimalPruning(Defense):
    """Sets the entries with the largest J_i / |g_i| to zero, where J_i = ||dg_i/dx||: most leakage for the least gradient.

    The ratio is that of the paper. Its slides say to prune the smallest, its public code prunes the largest [S]; the largest is what its own argument asks for
    (J_i^2 is leaked, g_i^2 is lost), and pruning the smallest did next to nothing in a test (42 dB at 90 %; Source: [D], measured). As in that code |g_i|
    counts as at least 1e-8 and the ratio as at most 1e6.

    An entry that is exactly zero is not worth its place and goes first, as in `pruning` (that code keeps those which never move, until of a net with many dead
    weights nothing else is left). J_i is estimated from `probes` directional derivatives of the noise-free message; each costs about as much as a message.
    The optimum is that of a bound on linear guesses; against attackers who skip the zeros it was no better than `pruning` at the same lost energy
    (Source: [D], measured).
    """

    name: ClassVar[str] = "optimal_pruning"
    title: ClassVar[str] = "Optimal pruning"
    paper: ClassVar[str] = "chen2024optimal"
    needs: ClassVar[Needs] = Needs(gradient=True, inside=True)
    strength: ClassVar[str] = "fraction"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "{p} of the entries dropped"
    off_words: ClassVar[str] = ""
    suggested: ClassVar[Suggested] = Suggested(levels=(0.5, 0.9, 0.99))
    reads_batch: ClassVar[bool] = True
    hides: ClassVar[bool] = True

    fraction: float = knob(
        0.9,
        "share of all entries that is set to zero, most telling for their size first (absolute share, not relative to the message)",
        low=0.0,
        high=0.9999,
    )
    probes: int = knob(
        10,
        "directional derivatives from which every entry's sensitivity is estimated; as many as the batch has numbers: exact",
        low=1,
        high=4096,
    )

    def wrap(self, inner: Release, world: World) -> Release:
        """Prune after the inner release."""

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            count = int(self.fraction * sum(leaf.numel() for leaf in message.values()))
            return message if count == 0 else dropped(message, self.ratios(inner, net, batch), count)

        return release

    def ratios(self, inner: Release, net: Net, batch: Batch) -> Tensor:
        """J_i / |g_i| of every entry of the flat noise-free message, a constant."""
        image, at = still(batch)
        value, square = slopes(lambda moved: flatten(inner(net, at(moved), None)), image, self.probes, shared=False)
        ratios = (square.sqrt() / value.abs().clamp(min=SMALLEST)).clamp(max=LARGEST)
        return torch.where(value == 0, torch.inf, ratios).detach()

    def traffic(self, entries: float, bits: float, places: float = 0.0) -> tuple[float, float, float]:
        """The kept entries and their places."""
        return sparse_traffic(entries, bits, places, self.fraction)
