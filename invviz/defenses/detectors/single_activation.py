"""Single activations: neurons that fire for one sample alone, whose gradient is that sample."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ...core.activations import fired
from ...core.component import knob
from ...core.inert import name as inert
from ._base import Detector, against, unjudged

if TYPE_CHECKING:
    from torch import Tensor

    from ...core.received import Finding, Received

LEAST = 8  # neurons of a layer


@dataclasses.dataclass(frozen=True)
class SingleActivation(Detector):
    """Share of a layer's neurons that exactly one sample of the batch fires: dividing such a neuron's gradient by its bias's gives that sample.

    A neuron fires for a sample if its row of the sample's own gradient is more than a millionth of the largest row, so that a sample with a small loss counts like others. Largest over layers of at least
    8 neurons; the last layer's are class scores and are left out. The rate that nowak2024qbi reads by, taken as a signal.
    """

    name: ClassVar[str] = "single_activation"
    title: ClassVar[str] = "Single activations"
    paper: ClassVar[str] = "nowak2024qbi"
    needs: ClassVar[tuple[str, ...]] = ("batch",)

    most: float = knob(0.125, "largest share of a layer's neurons that one sample alone fires that is let pass", low=0.0, high=1.0)

    def look(self, received: Received) -> Finding:
        """Of all layers but the last."""
        if len(received.batch.label) < 2:  # type: ignore[union-attr]
            return unjudged("in a batch of one sample every neuron that fires does so for it alone")
        rated = {name: single_rate(rows) for name, rows in list(received.row_norms.items())[:-1] if rows.shape[1] >= LEAST}
        if not rated:
            return unjudged("the net has no layer of 8 neurons before the last one")
        layer = max(rated, key=lambda name: rated[name])
        return against(rated[layer], self.most, f"{inert(layer)}: {rated[layer]:.0%} of the neurons fire for one sample of the batch alone")


def single_rate(norms: Tensor) -> float:
    """Share of the neurons that exactly one sample fires."""
    return float((fired(norms).sum(0) == 1).double().mean())
