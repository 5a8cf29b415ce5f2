"""A fully connected net: the one whose gradient shows its input in plain sight."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Model, Shape
from ._layers import ACTIVATIONS, activation

if TYPE_CHECKING:
    from torch import nn


@dataclasses.dataclass(frozen=True)
class MLP(Model):
    """One hidden layer between picture and classes.

    For one sample the first layer's weight gradient is an outer product with the picture itself, so closed form recovery is exact.
    """

    name: ClassVar[str] = "mlp"
    title: ClassVar[str] = "MLP"
    paper: ClassVar[str] = "phong2018additively"
    cuts: ClassVar[tuple[str, ...]] = ("linear",)
    first_layer: ClassVar[str] = "linear"

    width: int = knob(128, "neurons of the hidden layer", low=1, high=4096, unit="neurons")
    act: str = knob("relu", "activation of the hidden layer", choices=ACTIVATIONS)

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Flatten, linear, activation, linear."""
        nn = torch.nn
        pixels = shape[0] * shape[1] * shape[2]
        return nn.Sequential(nn.Flatten(), nn.Linear(pixels, self.width), activation(self.act), nn.Linear(self.width, num_classes))
