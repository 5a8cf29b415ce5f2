"""AGGP: of neurons that few samples fire, hardly any weights' gradients are sent."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..core.activations import fired, row_norms
from ..core.component import knob
from ..core.lazy import torch
from ..core.rng import derive
from ._base import Defense, Needs, Suggested
from ._features import still

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class AGGP(Defense):
    """Counts how many samples of the batch fire a neuron, and prunes the weight gradient of neurons that few fire; biases are sent as they are.

    Of a neuron that a samples fire, 1 <= a <= most, the largest p(a) = low + (high - low) (a - 1)^2 / (full - 2)^2 of its row stay, and of those a share `drop`, chosen at random, goes
    as well; numbers and form are those of the public code [S]. Rows of more samples are left alone. Whether a neuron fires is read off each sample's gradient (Source: [D]), so that it holds for any layer,
    the last one left out. The random choice is fixed by `mask_seed`, as in `random_pruning`.

    As biases stay, dW / db of a neuron that one sample fires is that sample in the entries that were left, exactly, and the zeros show which those are: its brightest. Rows that the same sample
    fires alone differ in what went by chance, so together they show the whole share `low` of it, to whoever knows the defense: 19 of 64 pixels of a digit at low=0.3, none at the published 0.01
    (Source: [D], measured).
    """

    name: ClassVar[str] = "aggp"
    title: ClassVar[str] = "AGGP (activation-based pruning)"
    paper: ClassVar[str] = "nowak2024qbi"
    needs: ClassVar[Needs] = Needs(gradient=True, inside=True)
    strength: ClassVar[str] = "most"
    identity: ClassVar[Value] = 0
    level_words: ClassVar[str] = "neurons that at most {v} samples fire are pruned"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(swept=(1, 16), levels=(1, 4, 16))
    hides: ClassVar[bool] = True
    reads_batch: ClassVar[bool] = True
    guarantee: ClassVar[str] = "none: what is left of a neuron that one sample fires is that sample"

    most: int = knob(
        10,
        "neurons that more samples fire are sent whole (published: 10, for batches of 20); 0 switches it off",
        low=0,
        high=1024,
        unit="samples",
    )
    low: float = knob(
        0.01, "share of a row that is left where one sample fires the neuron, before `drop` (published: 0.01)", low=0.0, high=1.0
    )
    high: float = knob(0.95, "share of a row that is left where full - 1 samples do, before `drop` (published: 0.95)", low=0.0, high=1.0)
    full: int = knob(16, "samples that the share grows up to (published: 16)", low=3, high=1024, unit="samples")
    drop: float = knob(0.75, "share of what is left that goes as well, chosen at random (published: 0.75)", low=0.0, high=1.0)
    mask_seed: int = knob(0, "seed of that choice", low=0, high=2**31 - 1)

    def problems(self) -> list[str]:
        """A share that shrinks as more samples fire."""
        return (
            []
            if self.low <= self.high
            else [f"aggp: low is {self.low} and high is {self.high}; low is the share for one sample, so it is at most high."]
        )

    def wrap(self, inner: Release, world: World) -> Release:
        """Prune rows after the inner release."""
        if self.off:
            return inner

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message, (private, at) = inner(net, batch, rng), still(batch)
            norms = row_norms(net, at(private))
            counts = {name: fired(rows).sum(0) for name, rows in list(norms.items())[:-1]}
            return {name: leaf * self.kept(name, leaf, counts[name]) if name in counts else leaf for name, leaf in message.items()}

        return release

    def share(self, count: Tensor) -> Tensor:
        """p(a), what is left of a row before `drop`; 1 where the row is sent whole."""
        grown = self.low + (self.high - self.low) * (count.double() - 1) ** 2 / (self.full - 2) ** 2
        return torch.where((count == 0) | (count > self.most), torch.ones_like(grown), grown.clamp(max=1.0))

    def kept(self, name: str, leaf: Tensor, count: Tensor) -> Tensor:
        """Which entries of a weight's gradient are sent, as 0 and 1 in its shape; constants.

        Args:
            name: of the weight, from which the random choice is drawn.
            leaf: its gradient, rows first.
            count: samples that fire each row, (rows,).
        """
        size = leaf.detach().flatten(1).abs()
        number = (self.share(count) * size.shape[1]).floor()  # of each row
        place = size.argsort(1, descending=True).argsort(1)
        chance = torch.as_tensor(_chance(derive(self.mask_seed, name), tuple(size.shape)), device=size.device)
        pruned = ((count > 0) & (count <= self.most))[:, None]
        stay = (place < number[:, None]) & (~pruned | (chance >= self.drop))
        return stay.to(leaf.dtype).view_as(leaf)


@lru_cache(maxsize=16)
def _chance(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Fixed numbers in [0, 1). NumPy draws them, because torch.func.vmap does not allow PyTorch to."""
    return np.random.default_rng(seed).random(shape)
