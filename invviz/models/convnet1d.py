"""A small convolutional net along time."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Model, Shape
from ._layers import ACTIVATIONS, activation, halved, standardise

if TYPE_CHECKING:
    from torch import nn


@dataclasses.dataclass(frozen=True)
class ConvNet1d(Model):
    """Two convolutions along time (stride 1 and 2), activations, one linear layer; no normalisation layers, PyTorch's own initial weights.

    Series are first centred and scaled by fixed numbers, (x - 0.5) / 0.25, as training code does. Ours; the paper compares such nets.
    """

    name: ClassVar[str] = "convnet1d"
    title: ClassVar[str] = "ConvNet along time"
    paper: ClassVar[str] = "wang2017timeseries"
    modalities: ClassVar[tuple[str, ...]] = ("series",)
    held: ClassVar[float] = 1.9
    cuts: ClassVar[tuple[str, ...]] = ("conv 1", "conv 2")
    epochs: ClassVar[int] = 12
    train_lr: ClassVar[float] = 1e-2

    width: int = knob(16, "channels of each convolution", low=1, high=256, unit="channels")
    kernel: int = knob(15, "values that a convolution reads at once, an odd number", low=3, high=31, unit="values")
    act: str = knob("relu", "activation after each convolution", choices=ACTIVATIONS)

    def problems(self, shape: Shape) -> list[str]:
        """A series shorter than a convolution reads, or an even kernel."""
        if self.kernel % 2 == 0:
            return [
                f"convnet1d: a convolution reads as many values before its place as behind it; kernel is {self.kernel}. Use an odd number."
            ]
        if shape[-1] < self.kernel:
            return [
                f"convnet1d reads {self.kernel} values at once; a series has {shape[-1]}. Set kernel to at most that, or use longer series."
            ]
        return []

    def entries(self, shape: Shape, cut: int, activated: bool = True) -> int:
        """Half the length after the second convolution."""
        return self.width * (shape[-1] if cut == 1 else halved(shape[-1]))

    def products(self, shape: Shape, num_classes: int) -> int:
        """Two convolutions and a linear layer."""
        first, second = self.entries(shape, 1), self.entries(shape, 2)
        return self.kernel * (shape[0] * first + self.width * second) + second * num_classes

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Two convolutions with activations, then a linear layer."""
        nn, width, around = torch.nn, self.width, self.kernel // 2
        return nn.Sequential(
            standardise(),
            nn.Conv1d(shape[0], width, self.kernel, stride=1, padding=around),
            activation(self.act),
            nn.Conv1d(width, width, self.kernel, stride=2, padding=around),
            activation(self.act),
            nn.Flatten(),
            nn.Linear(self.entries(shape, 2), num_classes),
        )
