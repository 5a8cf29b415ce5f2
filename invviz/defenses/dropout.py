"""Dropout: random features do not reach the last layer while the message is computed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.tree import rand_like
from ._base import Defense, Needs, Suggested
from ._features import last_linear, with_inputs_through

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class Dropout(Defense):
    """Each feature that enters the last fully connected layer is zero with probability p and else divided by 1 - p, afresh for every sample and local step.

    Made against overfitting [P]; dropped features also block the gradient on its way back. The net that everybody shares is unchanged, only the client drops.
    The effect is no additive noise: the noise-free part is the net without dropout, and no variance is stated.

    One sample in one step shows the draw: a column of zeros in the layer's weight gradient belongs to a dropped feature, or to one that was zero anyway, which
    does no harm. Of b samples only what all of them dropped is seen; the other columns are taken at their mean, 1 / (1 - p^b) (Source: [D]).
    """

    name: ClassVar[str] = "dropout"
    title: ClassVar[str] = "Dropout"
    paper: ClassVar[str] = "srivastava2014dropout"
    needs: ClassVar[Needs] = Needs(gradient=True)
    strength: ClassVar[str] = "probability"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "{p} of the last layer's features dropped"
    off_words: ClassVar[str] = ""
    suggested: ClassVar[Suggested] = Suggested(levels=(0.1, 0.3, 0.6))
    draws_inside: ClassVar[bool] = True

    probability: float = knob(0.3, "chance of each feature before the last layer to be dropped, for each sample", low=0.0, high=0.999)

    def wrap(self, inner: Release, world: World) -> Release:
        """Drop features inside the inner release.

        Raises:
            InvvizError: the net has no fully connected layer.
        """
        if self.probability == 0:
            return inner
        layer = last_linear(world.net.module, self.title)

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            if rng is None:
                return inner(net, batch, None)

            def thin(given: Tensor) -> Tensor:
                return given * (rand_like(given, rng) >= self.probability) / (1 - self.probability)

            return inner(with_inputs_through(net, layer, thin), batch, rng)

        return release

    def simulated(self, inner: Release, world: World, message: Tree) -> Release:
        """The net without the features whose columns are zero. With no such column (noise covers them) the draw stays unknown: no dropout."""
        if self.probability == 0:
            return inner
        weight = f"{(layer := last_linear(world.net.module, self.title))}.weight"
        if weight not in message or bool((kept := (message[weight].detach() != 0).any(0)).all()):
            return self.wrap(inner, world)

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            mean = 1 / (1 - self.probability ** len(batch.private))
            return inner(with_inputs_through(net, layer, lambda given: given * kept * mean), batch, rng)

        return release

    def caveat(self) -> str:
        """The score knows of no dropped features."""
        if self.probability == 0:
            return ""
        return (
            "The score is that of the net without dropout: what the dropped features would have told counts as told. An attacker who reads the draw off the "
            "message comes at most near it; one who does not know of the dropout stays far below."
        )
