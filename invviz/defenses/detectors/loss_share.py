"""Share of the loss: one sample has nearly all of it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ...core.component import knob
from ._base import Detector, against, unjudged
from ._losses import top_share

if TYPE_CHECKING:
    from ...core.received import Finding, Received


@dataclasses.dataclass(frozen=True)
class LossShare(Detector):
    """The largest share of the batch's loss that one sample has: what has the loss has the gradient.

    Trained nets do so by themselves, where they are right about all samples but one (half of the loss on one sample of a batch is common), so `loss_jump` compares with the round before. The signal of learned
    attacks that carletti2025detectability names (loss dynamics), in a form of our own.
    """

    name: ClassVar[str] = "loss_share"
    title: ClassVar[str] = "Share of the loss"
    paper: ClassVar[str] = "carletti2025detectability"
    needs: ClassVar[tuple[str, ...]] = ("batch",)

    most: float = knob(0.629, "largest share of the batch's loss on one sample that is let pass", low=0.0, high=1.0)

    def look(self, received: Received) -> Finding:
        """At the received net."""
        share = top_share(received.losses)
        if len(received.losses) < 2 or share is None:
            return unjudged("a batch of one sample, or without a loss, has no shares")
        return against(share, self.most, f"one sample has {share:.1%} of the batch's loss")
