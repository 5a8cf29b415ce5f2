"""NoPeek: the net is trained so that embeddings lie otherwise to each other than the pictures do."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Defense, Needs, Suggested
from ._penalty import Penalty

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.component import Value
    from ..core.types import Release, World


@dataclasses.dataclass(frozen=True)
class NoPeek(Defense):
    """Adds weight times the distance correlation of pictures and embeddings to the loss that the joint net is trained on; the message is sent as it is.

    The loss is cross-entropy + weight dCor(part, embedding) [P], summed over the parties, each of which computes its own term. dCor is the sample distance
    correlation [P: szekely2007dcor] of a batch of training, of embeddings as they are before any other defense (Source: [D]). It judges how embeddings
    lie to each other, not whether one of them can be inverted: pictures that move apart a little differently can still be read.
    Measured on digits: a convnet's first layer is read as well as before at any weight; after the second one it depends on the weight within a factor of three
    whether nothing happens, or much is hidden for some points of accuracy, or units die and the net classifies no more (Source: [D]).

    An attacker who knows of it learns nothing that the net, which it knows anyway, does not say.
    """

    name: ClassVar[str] = "nopeek"
    title: ClassVar[str] = "NoPeek (training)"
    paper: ClassVar[str] = "vepakomma2020nopeek"
    strength: ClassVar[str] = "weight"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "weight {v} in training"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(levels=(0.1, 0.3, 1.0), victims=("trained",))
    needs: ClassVar[Needs] = Needs(embedding=True)
    trains: ClassVar[bool] = True

    weight: float = knob(
        0.3, "weight of the distance correlation beside the cross-entropy, when the net is trained; 0: off", low=0.0, high=10.0, log=True
    )

    def wrap(self, inner: Release, world: World) -> Release:
        """The release itself."""
        return inner

    def penalty(self, part: Tensor, embedding: Tensor, seed: int) -> Penalty:
        """The weight times dCor of a party's part (n, c, h, w) and its embedding (n, ...), a scalar."""
        return _Correlation(self.weight)


class _Correlation(Penalty):
    def __init__(self, weight: float) -> None:
        self._weight = weight

    def __call__(self, part: Tensor, embedding: Tensor) -> Tensor:
        return self._weight * distance_correlation(part, embedding)


def distance_correlation(x: Tensor, y: Tensor) -> Tensor:
    """How much distances between rows of x say about distances between rows of y: a scalar in [0, 1].

    1 where y is x moved, turned and scaled as a whole. Of few samples in many dimensions it is far above 0 even for independent x and y. 0 where
    all rows of x or all of y are equal, as those of a single row are.

    Args:
        x: shape (n, ...).
        y: shape (n, ...).
    """
    a, b = _centred(x), _centred(y)
    spread = ((a * a).mean() * (b * b).mean()).sqrt()
    if not bool(spread > 0):
        return (y * 0).sum()
    # the root has no finite slope at 0; so far down there is nothing left to push
    return ((a * b).mean() / spread).clamp_min(1e-12).sqrt()


def _centred(x: Tensor) -> Tensor:
    """Distances between samples, (n, n), with the means of rows and columns taken away."""
    flat = x.flatten(1)
    far = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist")  # whose slope at distance 0 is 0
    return far - far.mean(0, keepdim=True) - far.mean(1, keepdim=True) + far.mean()
