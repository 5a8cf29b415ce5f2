"""A small ReLU convolutional net."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Model, Shape
from ._layers import ACTIVATIONS, activation, halved, num_features, standardise

if TYPE_CHECKING:
    from torch import nn


@dataclasses.dataclass(frozen=True)
class ConvNet(Model):
    """Two 5x5 convolutions (stride 1 and 2), ReLU, one linear layer; no normalisation layers, PyTorch's own initial weights.

    Pictures are first centred and scaled by fixed numbers, (x - 0.5) / 0.25, as training code does.
    """

    name: ClassVar[str] = "convnet"
    title: ClassVar[str] = "ConvNet"
    paper: ClassVar[str] = "geiping2020inverting"
    held: ClassVar[float] = 1.9
    cuts: ClassVar[tuple[str, ...]] = ("conv 1", "conv 2")
    epochs: ClassVar[int] = 10

    width: int = knob(32, "channels of each convolution", low=1, high=256, unit="channels")
    act: str = knob("relu", "activation after each convolution", choices=ACTIVATIONS)

    def entries(self, shape: Shape, cut: int, activated: bool = True) -> int:
        """Half the sides after the second convolution."""
        _, h, w = shape
        return self.width * (h * w if cut == 1 else halved(h) * halved(w))

    def products(self, shape: Shape, num_classes: int) -> int:
        """Two convolutions and a linear layer."""
        first, second = self.entries(shape, 1), self.entries(shape, 2)
        return 25 * (shape[0] * first + self.width * second) + second * num_classes

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Two convolutions with activations, then a linear layer."""
        nn = torch.nn
        body = nn.Sequential(
            standardise(),
            nn.Conv2d(shape[0], self.width, 5, stride=1, padding=2),
            activation(self.act),
            nn.Conv2d(self.width, self.width, 5, stride=2, padding=2),
            activation(self.act),
            nn.Flatten(),
        )
        return nn.Sequential(*body, nn.Linear(num_features(body, shape), num_classes))
