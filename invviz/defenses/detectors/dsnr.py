"""D-SNR: one sample drowns all others in a layer's gradient."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ...core.component import knob
from ...core.inert import name as inert
from ._base import Detector, against, unjudged

if TYPE_CHECKING:
    from ...core.received import Finding, Received

NEGLIGIBLE = 1e-3  # of the largest layer's gradient: layers below say nothing


@dataclasses.dataclass(frozen=True)
class DSNR(Detector):
    """How much one sample's gradient outweighs those of all others together: max / (sum - max) of the norms of a layer's gradients, of the layer where it is largest.

    Layers whose gradients add up to less than 0.001 of the largest layer's are left out: nearly dead units alarm there in honest nets (measured). Infinite where one sample alone has a gradient.
    """

    name: ClassVar[str] = "dsnr"
    title: ClassVar[str] = "D-SNR"
    paper: ClassVar[str] = "garov2024seer"
    needs: ClassVar[tuple[str, ...]] = ("batch",)

    most: float = knob(2.75, "largest ratio of one sample's gradient to all others' that is let pass", low=0.0, high=1e12, log=True)

    def look(self, received: Received) -> Finding:
        """Over all weights, of every sample of the batch alone."""
        norms = {name: rows.double().norm(dim=1) for name, rows in received.row_norms.items()}
        if not norms or len(next(iter(norms.values()))) < 2:
            return unjudged("a batch of one sample has no others to drown")
        largest = max(float(each.sum()) for each in norms.values())
        if not largest:
            return unjudged("no sample of the batch has a gradient")
        rated = {name: _ratio(each.tolist()) for name, each in norms.items() if float(each.sum()) >= NEGLIGIBLE * largest}
        layer = max(rated, key=lambda name: rated[name])
        score = rated[layer]
        said = "no other sample has a gradient" if math.isinf(score) else f"one sample's gradient is {score:.3g} times all others' together"
        return against(score, self.most, f"{inert(layer)}: {said}")


def _ratio(norms: list[float]) -> float:
    most = max(norms)
    rest = math.fsum(norms) - most
    return most / rest if rest > 0 else math.inf
