"""Ratio of gradients: the received net moves much more, or much less, than the last one."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ...core.component import knob
from ...core.tree import norm
from ._base import Detector, against, unjudged

if TYPE_CHECKING:
    from ...core.received import Finding, Received


@dataclasses.dataclass(frozen=True)
class GradientRatio(Detector):
    """The norm of the batch's gradient at the received net over that at the net of the round before, or its inverse where that is larger; before any defense."""

    name: ClassVar[str] = "gradient_ratio"
    title: ClassVar[str] = "Ratio of gradients"
    paper: ClassVar[str] = "carletti2025detectability"
    needs: ClassVar[tuple[str, ...]] = ("batch", "previous")

    most: float = knob(4.75, "largest factor by which the gradient's norm may grow or shrink in a round", low=1.0, high=1e12, log=True)

    def look(self, received: Received) -> Finding:
        """Norms over all parameters."""
        now, before = float(norm(received.gradient)), float(norm(received.previous_gradient))
        if not before > 0 or not math.isfinite(before):
            return unjudged("the net of the round before has no gradient on this batch")
        ratio = now / before
        score = max(ratio, 1 / ratio) if 0 < ratio < math.inf else math.inf
        return against(score, self.most, f"the gradient's norm is {ratio:.3g} times that at the net of the round before")
