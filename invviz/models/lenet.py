"""The LeNet of "Deep Leakage from Gradients"."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Model, Shape
from ._layers import ACTIVATIONS, activation, halved, num_features, uniform_

if TYPE_CHECKING:
    from torch import nn


@dataclasses.dataclass(frozen=True)
class LeNet(Model):
    """Three 5x5 convolutions (stride 2, 2, 1), sigmoids, one linear layer; all weights start uniform in [-0.5, 0.5].

    Smooth and wide for its depth, hence the classic victim of gradient matching.
    """

    name: ClassVar[str] = "lenet"
    title: ClassVar[str] = "LeNet"
    paper: ClassVar[str] = "zhu2019dlg"
    held: ClassVar[float] = 1.6
    cuts: ClassVar[tuple[str, ...]] = ("conv 1", "conv 2", "conv 3")
    min_side: ClassVar[int] = 5
    epochs: ClassVar[int] = 40
    train_lr: ClassVar[float] = 3e-3

    width: int = knob(12, "channels of each convolution", low=1, high=128, unit="channels")
    act: str = knob("sigmoid", "activation after each convolution", choices=ACTIVATIONS)

    def entries(self, shape: Shape, cut: int, activated: bool = True) -> int:
        """Half the sides after each of the first two convolutions."""
        _, h, w = shape
        for _ in range(min(cut, 2)):
            h, w = halved(h), halved(w)
        return self.width * h * w

    def products(self, shape: Shape, num_classes: int) -> int:
        """Three convolutions and a linear layer."""
        places = self.entries(shape, 1) // self.width, self.entries(shape, 2) // self.width
        convolved = 25 * self.width * (shape[0] * places[0] + 2 * self.width * places[1])
        return convolved + self.width * places[1] * num_classes

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Three convolutions with activations, then a linear layer."""
        nn = torch.nn
        parts: list[nn.Module] = []
        channels = shape[0]
        for stride in (2, 2, 1):
            parts += [nn.Conv2d(channels, self.width, 5, stride=stride, padding=2), activation(self.act)]
            channels = self.width
        body = nn.Sequential(*parts, nn.Flatten())
        return uniform_(nn.Sequential(*body, nn.Linear(num_features(body, shape), num_classes)), 0.5)
