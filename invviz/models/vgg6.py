"""The six convolutions on which inversion of embeddings was first measured."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Model, Shape
from ._layers import ACTIVATIONS, activation, cut_at_activations, num_features

if TYPE_CHECKING:
    from torch import nn


@dataclasses.dataclass(frozen=True)
class VGG6(Model):
    """Three blocks of two 3x3 convolutions, each block with a max pooling at its end, then two linear layers.

    The CIFAR-10 net of he2019inversion with `width=64` (their names: conv 2 is ReLU12, conv 4 is ReLU22, conv 6 is ReLU32); activations
    and width are ours to choose. A cut lies before the pooling, as theirs do.
    """

    name: ClassVar[str] = "vgg6"
    title: ClassVar[str] = "VGG-like, six convolutions"
    paper: ClassVar[str] = "he2019inversion"
    held: ClassVar[float] = 2.3
    cuts: ClassVar[tuple[str, ...]] = ("conv 1", "conv 2", "conv 3", "conv 4", "conv 5", "conv 6", "linear 1")
    min_side: ClassVar[int] = 8

    width: int = knob(
        16, "channels of the first block; the others have twice as many (He et al. 2019: 64)", low=1, high=128, unit="channels"
    )
    hidden: int = knob(128, "neurons of the hidden linear layer (He et al. 2019: 512)", low=1, high=4096, unit="neurons")
    act: str = knob("relu", "activation after each layer", choices=ACTIVATIONS)

    def entries(self, shape: Shape, cut: int, activated: bool = True) -> int:
        """Sides of a half after every two convolutions; a cut lies before the pooling."""
        if cut == 7:
            return self.hidden
        times, block = (1, 2, 2)[(cut - 1) // 2], (cut - 1) // 2
        return self.width * times * (shape[1] >> block) * (shape[2] >> block)

    def products(self, shape: Shape, num_classes: int) -> int:
        """Six convolutions, then two linear layers behind the last pooling."""
        made = [self.width * times for times in (1, 1, 2, 2, 2, 2)]
        convolved = sum(9 * channels * self.entries(shape, cut) for cut, channels in enumerate([shape[0], *made[:-1]], 1))
        return convolved + self.hidden * (made[-1] * (shape[1] >> 3) * (shape[2] >> 3) + num_classes)

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Convolutions, poolings and linear layers in a row."""
        nn = torch.nn
        parts: list[nn.Module] = []
        channels = shape[0]
        for width in (self.width, 2 * self.width, 2 * self.width):
            for _ in range(2):
                parts += [nn.Conv2d(channels, width, 3, padding=1), activation(self.act)]
                channels = width
            parts.append(nn.MaxPool2d(2))
        body = nn.Sequential(*parts, nn.Flatten())
        return nn.Sequential(
            *body, nn.Linear(num_features(body, shape), self.hidden), activation(self.act), nn.Linear(self.hidden, num_classes)
        )

    def segments(self, module: nn.Module) -> list[nn.Module]:
        """One for each layer with an activation; a pooling belongs to the stage that it feeds."""
        return cut_at_activations(module, pooled=False)
