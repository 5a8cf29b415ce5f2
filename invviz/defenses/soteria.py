"""Soteria: features that a picture could be rebuilt from do not reach the last layer's gradient."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError
from ..core.lazy import torch
from ._base import Defense, Needs, Suggested
from ._features import features, last_linear, slopes, still

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class Soteria(Defense):
    """Sets columns of the last fully connected layer's weight gradient to zero, one column for each feature that enters it.

    The paper looks for few features whose loss throws a rebuilt picture off the most, and takes those with the largest ||r_i (dr_i/dx)^-1|| [P]; with
    1 / ||dr_i/dx|| for the inverse that is: the smallest ||dr_i/dx|| / |r_i| go first [S: what public code prunes]. So it is done here. Of several
    samples r_i and its derivative are taken as root mean squares (Source: [D]); a feature that is zero for all of them goes last, it has nothing to hide.

    The norms come from `probes` directional derivatives. All other layers' gradients stay open: an attacker who skips the zeros, or the layer, loses little
    (40 % pruned, small LeNet: 5.5 dB at face value, 48 dB with that layer left out; Source: [D], measured).
    """

    name: ClassVar[str] = "soteria"
    title: ClassVar[str] = "Soteria"
    paper: ClassVar[str] = "sun2021soteria"
    needs: ClassVar[Needs] = Needs(gradient=True, inside=True)
    strength: ClassVar[str] = "fraction"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "{p} of the last layer's features pruned"
    off_words: ClassVar[str] = ""
    suggested: ClassVar[Suggested] = Suggested(compared=((110, 0.4),), levels=(0.2, 0.4, 0.8))
    reads_batch: ClassVar[bool] = True
    hides: ClassVar[bool] = True
    guarantee: ClassVar[str] = (
        "none for what is sent: the paper bounds the picture rebuilt from the pruned features, and the other layers stay open"
    )

    fraction: float = knob(
        0.4,
        "share of the last layer's input features whose weights' gradients are set to zero (of the features, not of all entries)",
        low=0.0,
        high=0.9999,
    )
    probes: int = knob(
        64,
        "directional derivatives from which the features' sensitivity is estimated; as many as a picture has numbers: exact",
        low=1,
        high=4096,
    )

    def wrap(self, inner: Release, world: World) -> Release:
        """Prune the layer after the inner release.

        Raises:
            InvvizError: the net has no fully connected layer.
        """
        if self.fraction == 0:
            return inner
        layer = last_linear(world.net.module, self.title)
        weight = f"{layer}.weight"

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            if weight not in message:
                raise InvvizError(f"Soteria prunes the gradient of {weight}, which is not in this message: {', '.join(message)}.")
            scores = self.scores(net, batch, layer)
            count = int(self.fraction * scores.numel())
            if count == 0:
                return message
            kept = torch.ones_like(scores).scatter(0, scores.topk(count).indices, 0.0)
            return {name: leaf * kept if name == weight else leaf for name, leaf in message.items()}

        return release

    def scores(self, net: Net, batch: Batch, layer: str) -> Tensor:
        """|r_i| / ||dr_i/dx|| of every feature of a layer, shape (features,), a constant; the largest are pruned first."""
        image, at = still(batch)
        of = features(net, layer)
        value, square = slopes(lambda moved: of(at(moved)), image, self.probes, shared=True)
        size, slope = value.square().mean(0), square.mean(0)
        return torch.where(size > 0, (size / slope).sqrt(), torch.zeros_like(size)).detach()
