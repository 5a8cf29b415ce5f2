"""What a client has in its hands before it answers, and what a look at that found."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING

from .activations import row_norms
from .gradient import gradient
from .lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from .batch import Batch, Net
    from .types import Release, Tree


@dataclasses.dataclass(frozen=True, eq=False)
class Received:
    """All that a client can look at before it sends.

    Attributes:
        net: the one that it was sent. Of a file of weights alone its module computes nothing, and batch and release are None.
        previous: the last one that it computed by; None in its first round.
        batch: its own.
        release: its message in its own defenses, of any net and batch; without noise where it is given no generator.
        peers: digests of the nets that other clients say they were sent (`Net.digest`); none where no client tells.
    """

    net: Net
    previous: Net | None
    batch: Batch | None
    release: Release | None
    peers: tuple[str, ...] = ()

    @cached_property
    def finite(self) -> bool:
        """Whether all numbers of the received net are."""
        return all(bool(p.isfinite().all()) for p in self.net.params.values())

    @cached_property
    def losses(self) -> Tensor:
        """The loss of every sample of the batch at the received net, (b,)."""
        return _losses(self.net, self.batch)  # type: ignore[arg-type]

    @cached_property
    def previous_losses(self) -> Tensor:
        """The same at the net of the round before."""
        return _losses(self.previous, self.batch)  # type: ignore[arg-type]

    @cached_property
    def row_norms(self) -> Tree:
        """How far each sample alone would move each row of a weight: Euclidean norms by the name of the weight, (b, rows)."""
        return row_norms(self.net, self.batch)  # type: ignore[arg-type]

    @cached_property
    def gradient(self) -> Tree:
        """Of the whole batch at the received net, before any defense."""
        return gradient(self.net, self.net.params, self.batch)  # type: ignore[arg-type]

    @cached_property
    def previous_gradient(self) -> Tree:
        """The same at the net of the round before."""
        return gradient(self.previous, self.previous.params, self.batch)  # type: ignore[arg-type,union-attr]


def _losses(net: Net, batch: Batch) -> Tensor:
    with torch.no_grad():
        return torch.stack([net.loss(net.params, batch.single(k)) for k in range(len(batch.label))])


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a detector says.

    Attributes:
        score: larger is more suspicious; compared between nets, by which a threshold is chosen.
        flagged: whether the client should not answer.
        reason: what was seen, in a sentence.
        judged: False where the detector lacked what it needs; it then flags nothing.
    """

    score: float
    flagged: bool
    reason: str
    judged: bool = True
