"""AlexNet in its form for 32x32 pictures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Model, Shape
from ._layers import ACTIVATIONS, activation, halved, num_features, standardise

if TYPE_CHECKING:
    from torch import nn


TIMES = (1, 3, 6, 4, 4)  # channels of each convolution, in those of the first
POOLED = (0, 1, 4)  # convolutions with a pooling behind them


@dataclasses.dataclass(frozen=True)
class AlexNet(Model):
    """Five 3x3 convolutions with three poolings and two hidden linear layers: AlexNet's shape, scaled to small pictures (ours). Pictures are first centred and scaled."""

    name: ClassVar[str] = "alexnet"
    title: ClassVar[str] = "AlexNet (32x32 form)"
    paper: ClassVar[str] = "krizhevsky2012alexnet"
    held: ClassVar[float] = 2.3
    cuts: ClassVar[tuple[str, ...]] = ("conv 1", "conv 2", "conv 3", "conv 4", "conv 5", "linear 1", "linear 2")
    min_side: ClassVar[int] = 16
    epochs: ClassVar[int] = 15
    train_lr: ClassVar[float] = 5e-4

    width: int = knob(32, "channels of the first convolution; later ones have 3, 6, 4 and 4 times as many", low=1, high=64, unit="channels")
    hidden: int = knob(256, "neurons of each hidden linear layer", low=1, high=4096, unit="neurons")
    act: str = knob("relu", "activation after each layer", choices=ACTIVATIONS)
    pool: str = knob("max", "pooling after convolutions 1, 2 and 5", choices=("max", "average"))

    def entries(self, shape: Shape, cut: int, activated: bool = True) -> int:
        """Poolings belong to the stages before them; a cut before an activation lies before its pooling."""
        if cut > len(TIMES):
            return self.hidden
        h, w = shape[1:] if shape[1] <= 32 else (halved(shape[1]), halved(shape[2]))
        for place in range(cut):
            if place in POOLED and (activated or place < cut - 1):
                h, w = h // 2, w // 2
        return self.width * TIMES[cut - 1] * h * w

    def products(self, shape: Shape, num_classes: int) -> int:
        """Five convolutions before their poolings, then linear layers."""
        given = [shape[0], *(self.width * times for times in TIMES[:-1])]
        convolved = sum(9 * channels * self.entries(shape, cut, activated=False) for cut, channels in enumerate(given, 1))
        return convolved + self.entries(shape, len(TIMES)) * self.hidden + self.hidden * (self.hidden + num_classes)

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Convolutions and poolings, then three linear layers."""
        nn = torch.nn
        parts: list[nn.Module] = [standardise()]
        channels = shape[0]
        for place, times in enumerate(TIMES):
            stride = 2 if place == 0 and shape[1] > 32 else 1
            parts += [nn.Conv2d(channels, self.width * times, 3, stride=stride, padding=1), activation(self.act)]
            if place in POOLED:
                parts.append(nn.MaxPool2d(2) if self.pool == "max" else nn.AvgPool2d(2))
            channels = self.width * times
        body = nn.Sequential(*parts, nn.Flatten())
        features = num_features(body, shape)
        head = [nn.Linear(features, self.hidden), activation(self.act), nn.Linear(self.hidden, self.hidden), activation(self.act)]
        return nn.Sequential(*body, *head, nn.Linear(self.hidden, num_classes))
