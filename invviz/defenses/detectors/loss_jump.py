"""Jump of the share of the loss: one sample has much more of it than in the round before."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ...core.component import knob
from ._base import Detector, against, unjudged
from ._losses import top_share

if TYPE_CHECKING:
    from ...core.received import Finding, Received


@dataclasses.dataclass(frozen=True)
class LossJump(Detector):
    """By how much the largest share of the loss that one sample has grew since the net of the round before, on the same batch."""

    name: ClassVar[str] = "loss_jump"
    title: ClassVar[str] = "Jump of the share of the loss"
    paper: ClassVar[str] = "carletti2025detectability"
    needs: ClassVar[tuple[str, ...]] = ("batch", "previous")

    most: float = knob(
        0.122, "largest growth of one sample's share of the batch's loss that is let pass (absolute share)", low=-1.0, high=1.0
    )

    def look(self, received: Received) -> Finding:
        """Both nets on the client's batch of now."""
        before, now = top_share(received.previous_losses), top_share(received.losses)
        if len(received.losses) < 2 or before is None or now is None:
            return unjudged("a batch of one sample, or without a loss, has no shares")
        return against(now - before, self.most, f"the largest share of the batch's loss went from {before:.1%} to {now:.1%}")
