"""Weight structure: layers that nobody draws and no training makes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ...core.component import knob
from ...core.inert import name as inert
from ._base import Detector, against
from ._signals import WORDS, signals

if TYPE_CHECKING:
    from ...core.received import Finding, Received


@dataclasses.dataclass(frozen=True)
class WeightStructure(Detector):
    """Weights with a structure that chance and training do not make: repeated or constant rows, hardly anything but zeros, one number everywhere.

    Looks at the received weights alone, layer by layer: nine signals, each against its own limit. The score is the largest signal in units of its limit, flagged above 1. The idea is carletti2025detectability's
    (statistically improbable weights); the signals and their limits are ours: limits at which 1 % of the calibration half of the benign nets of `python -m invviz.studies.detectors` are flagged by any of them together.
    """

    name: ClassVar[str] = "weight_structure"
    title: ClassVar[str] = "Weight structure"
    paper: ClassVar[str] = "carletti2025detectability"

    duplicate_rows: float = knob(0.7, "largest share of a layer's rows that repeat another one that is let pass", low=0.0, high=1.0)
    constant_rows: float = knob(
        0.0501, "largest share of a layer's rows that are constant and not zero that is let pass", low=0.0, high=1.0
    )
    zeros: float = knob(
        0.945, "largest share of a layer's weights that are zero that is let pass; layers of zeros alone always are", low=0.0, high=1.0
    )
    few_values: float = knob(0.201, "largest 1 / number of different weights beside zero that is let pass", low=0.0, high=1.0)
    peak: float = knob(10.3, "largest ratio of a layer's largest weight to their root mean square that is let pass", low=1.0, high=1e6)
    low_rank: float = knob(1.0, "largest 1 / stable rank that is let pass", low=0.0, high=1.0)
    balance: float = knob(0.729, "how alike the rows' ratios of positive to negative weights may be; 1: the same", low=0.0, high=1.0)
    constant_bias: float = knob(0.909, "how alike biases that are not zero may be; 1: the same", low=0.0, high=1.0)
    large_bias: float = knob(1.83, "largest ratio of a bias to the norm of its row that is let pass", low=0.0, high=1e6)

    def look(self, received: Received) -> Finding:
        """The largest of its signals in units of their limits."""
        found = signals(received.net.params)
        rated = {key: value / max(getattr(self, key), 1e-9) for key, (value, _) in found.items()}
        worst = max(rated, key=lambda key: rated[key])
        value, layer = found[worst]
        said = WORDS[worst].format(v=value, n=1 / value if value else 0.0)
        return against(rated[worst], 1.0, f"layer {inert(layer)}: {said}" if layer else "no layer of a size that says anything")
