"""Transmit-SNR: a kernel that passes one pixel on as it is."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ...core.component import knob
from ._base import Detector, against, unjudged

if TYPE_CHECKING:
    from ...core.received import Finding, Received

LEAST = 4  # weights of a kernel


@dataclasses.dataclass(frozen=True)
class TransmitSNR(Detector):
    """How much one weight of a first convolution's kernel outweighs all others of that kernel together: max |w| / (sum |w| - max |w|), of the kernel where it is largest.

    A kernel that hands a picture on untouched has one weight alone. Infinite there, so the score is w = max |w| / sum |w| (in [0, 1]; a ratio r is w = r / (1 + r), and r > 1 is w > 0.5), which
    orders nets alike. Kernels of fewer than 4 weights are left out. Pruned nets have such kernels, too, so that
    at 1 % false alarms over nets that may be pruned the threshold is 1 and nothing is flagged; 0.5 is Garov's, for nets that are not.
    """

    name: ClassVar[str] = "transmit_snr"
    title: ClassVar[str] = "Transmit-SNR"
    paper: ClassVar[str] = "garov2024seer"

    most: float = knob(1.0, "largest share of a kernel's weight on one place that is let pass", low=0.0, high=1.0)

    def look(self, received: Received) -> Finding:
        """Of the first weight with more than two dimensions."""
        first = next((p for p in received.net.params.values() if p.dim() > 2 and p[0].numel() >= LEAST), None)
        if first is None:
            return unjudged("the net has no convolution with kernels of 4 weights or more")
        kernels = first.detach().double().abs().flatten(1)
        kernels = kernels[kernels.any(1)]
        share = float((kernels.max(1).values / kernels.sum(1)).max()) if len(kernels) else 0.0
        return against(share, self.most, f"a kernel of the first convolution has {share:.0%} of its weight on one place")
