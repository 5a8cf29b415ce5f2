"""Ratio of losses: the received net is worse at the client's samples than the last one."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ...core.component import knob
from ._base import Detector, against, unjudged

if TYPE_CHECKING:
    from ...core.received import Finding, Received


@dataclasses.dataclass(frozen=True)
class LossRatio(Detector):
    """The loss of the client's batch at the received net over that at the net of the round before; rounds of honest training lower it, or hardly raise it."""

    name: ClassVar[str] = "loss_ratio"
    title: ClassVar[str] = "Ratio of losses"
    paper: ClassVar[str] = "carletti2025detectability"
    needs: ClassVar[tuple[str, ...]] = ("batch", "previous")

    most: float = knob(5.75, "largest ratio of the loss to that of the round before that is let pass", low=0.0, high=1e12, log=True)

    def look(self, received: Received) -> Finding:
        """Mean losses of the batch."""
        now, before = float(received.losses.double().mean()), float(received.previous_losses.double().mean())
        if not before > 0 or not math.isfinite(before):
            return unjudged("the net of the round before has no loss on this batch")
        ratio = now / before if math.isfinite(now) else math.inf
        return against(ratio, self.most, f"the loss of the batch is {ratio:.3g} times that at the net of the round before")
