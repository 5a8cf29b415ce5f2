"""Deep leakage from gradients: find a batch whose gradient is the observed one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.types import Knowledge
from ._lbfgs import LBFGSMatching

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress, Reconstruction


@dataclasses.dataclass(frozen=True)
class DLG(LBFGSMatching):
    """Gradient matching with L-BFGS: minimises |G(x', y') - m|^2 / |m|^2 over dummy pictures, and labels where they are unknown.

    The paper's loss and optimiser. Ours, because they decide whether it works: it starts near grey, not from N(0, 1); it searches
    frequencies, the low ones scaled up (same objective, another path); nets without kinks are searched in float64 with a strong Wolfe
    line search, nets with kinks (ReLU, max pooling) without line search, which would give up at the first jump of the gradient.
    Who knows what a mask held back, and the labels, looks for the most likely picture that gives the rest (Gauss-Newton, a natural prior
    whose weight falls; `steps` are then products with the Jacobian). Where as many numbers came as there are pixels, the message has the last word: nets without kinks
    and no more pixels than steps by Gauss-Newton to the message's rounding (whatever `tolerance`), else by L-BFGS.
    Cost: one double backward pass per step.
    """

    name: ClassVar[str] = "dlg"
    title: ClassVar[str] = "Deep leakage (DLG)"
    paper: ClassVar[str] = "zhu2019dlg"

    labels: str = knob(
        "known",
        "known: the attacker is told the labels; unknown: they are optimised together with the pictures",
        choices=("known", "unknown"),
    )

    def wants(self) -> Knowledge:
        """Labels, unless it searches for them."""
        return Knowledge(labels=self.labels == "known", batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The dummy batch with the least matching loss of all starts."""
        return self.match(obs, rng, progress, obs.template.label if self.labels == "known" else None)
