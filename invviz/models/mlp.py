"""A fully connected net: the one whose gradient shows its input in plain sight."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Model, Shape
from ._layers import ACTIVATIONS, activation

if TYPE_CHECKING:
    from torch import nn

MOST = 4  # hidden layers


@dataclasses.dataclass(frozen=True)
class MLP(Model):
    """One hidden layer between picture and classes, or several.

    For one sample the first layer's weight gradient is an outer product with the picture itself, so closed form recovery is exact.
    """

    name: ClassVar[str] = "mlp"
    title: ClassVar[str] = "MLP"
    paper: ClassVar[str] = "phong2018additively"
    cuts: ClassVar[tuple[str, ...]] = ("linear", *(f"linear {k}" for k in range(2, MOST + 1)))  # the first `hidden_layers` of them
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row", "series")
    first_layer: ClassVar[str] = "linear"

    width: int = knob(128, "neurons of every hidden layer", low=1, high=4096, unit="neurons")
    act: str = knob("relu", "activation of every hidden layer", choices=ACTIVATIONS)
    hidden_layers: int = knob(
        1, "hidden layers, all of the same width; vertical FL can cut behind each of them", low=1, high=MOST, late=True
    )

    def entries(self, shape: Shape, cut: int, activated: bool = True) -> int:
        """The neurons of any hidden layer."""
        return self.width

    def products(self, shape: Shape, num_classes: int) -> int:
        """Linear layers alone."""
        return self.width * (math.prod(shape) + (self.hidden_layers - 1) * self.width + num_classes)

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Flatten, linear and activation as often as there are hidden layers, linear."""
        nn, sizes = torch.nn, [math.prod(shape), *[self.width] * self.hidden_layers]
        inner = [layer for given, made in pairwise(sizes) for layer in (nn.Linear(given, made), activation(self.act))]
        return nn.Sequential(nn.Flatten(), *inner, nn.Linear(self.width, num_classes))

    @property
    def depth(self) -> int:
        """One stage a hidden layer."""
        return self.hidden_layers
