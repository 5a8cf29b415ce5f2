"""Cosine to the last update: the received net moves elsewhere than the last one."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ...core.component import knob
from ...core.tree import flatten
from ._base import Detector, against, unjudged

if TYPE_CHECKING:
    from ...core.received import Finding, Received


@dataclasses.dataclass(frozen=True)
class UpdateCosine(Detector):
    """One minus the cosine between the batch's gradients at the received net and at the net of the round before, before any defense.

    0: the same direction, 1: at right angles, 2: opposite. Layers that only one of the nets has, or that have another shape, are left out (`new_layers` is about those).
    """

    name: ClassVar[str] = "update_cosine"
    title: ClassVar[str] = "Cosine to the last update"
    paper: ClassVar[str] = "carletti2025detectability"
    needs: ClassVar[tuple[str, ...]] = ("batch", "previous")

    most: float = knob(0.978, "largest 1 - cosine to the last update that is let pass", low=0.0, high=2.0)

    def look(self, received: Received) -> Finding:
        """Over the parameters that both nets have."""
        now, before = received.gradient, received.previous_gradient
        names = [name for name in now if name in before and now[name].shape == before[name].shape]
        if not names:
            return unjudged("the received net shares no layer with that of the round before")
        a, b = (flatten({name: tree[name] for name in names}).double() for tree in (now, before))
        length = float(a.norm() * b.norm())
        if not 0 < length < math.inf:
            return unjudged("one of the two gradients is zero or not finite in all layers that both nets have")
        cosine = max(-1.0, min(1.0, float(a @ b) / length))
        return against(1 - cosine, self.most, f"the cosine to the gradient at the net of the round before is {cosine:.2f}")
