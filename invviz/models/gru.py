"""A recurrent net: it reads a series some values at a time and remembers."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Model, Shape

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclasses.dataclass(frozen=True)
class GRU(Model):
    """A gated recurrent unit that reads `values` values of a series a step, and a linear layer on what it remembers at the end.

    The same numbers as `torch.nn.GRU`, written out in plain operations, because torch cannot take that one through vmap, as Jacobians do. The last step is filled up with zeros.
    One step that reads the whole series is a linear layer in the message: its weight gradient is an outer product with the series, so closed form recovery is exact; over several
    steps it is a sum of such products, of which no one can be told apart.
    """

    name: ClassVar[str] = "gru"
    title: ClassVar[str] = "GRU (recurrent)"
    paper: ClassVar[str] = "cho2014gru"
    modalities: ClassVar[tuple[str, ...]] = ("series",)
    first_layer: ClassVar[str] = "recurrent layer"
    act: ClassVar[str] = "gates"  # no attack that counts on ReLU reads it
    cuts: ClassVar[tuple[str, ...]] = ()
    epochs: ClassVar[int] = 40
    train_lr: ClassVar[float] = 1e-2

    width: int = knob(32, "numbers that it remembers", low=1, high=256, unit="numbers")
    values: int = knob(8, "values of every channel that a step reads; the length of the series: one step", low=1, high=4096, unit="values")  # type: ignore[bad-override]  (read only here: the class is frozen)

    def problems(self, shape: Shape) -> list[str]:
        """A step longer than the series."""
        if self.values > shape[-1]:
            return [f"gru reads {self.values} values a step; a series has {shape[-1]}. Set values to at most that."]
        return []

    def begins_with(self, shape: Shape) -> str:
        """A linear layer where one step reads all."""
        steps = self._steps(shape)
        return "linear" if steps == 1 else f"recurrent layer that reads a series in {steps} steps (values={shape[-1]} makes it one)"

    def products(self, shape: Shape, num_classes: int) -> int:
        """Three gates of what comes in and of what is remembered, at every step, and a linear layer."""
        inner = 3 * self.width * (shape[0] * self.values + self.width) + self.width  # and one product of a gate with what is remembered
        return self._steps(shape) * inner + self.width * num_classes

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """The recurrent layer and a head."""
        cell = self._cell(shape[0] * self.values, self._steps(shape))
        return torch.nn.Sequential(OrderedDict(gru=cell, head=torch.nn.Linear(self.width, num_classes)))

    def _steps(self, shape: Shape) -> int:
        return -(-shape[-1] // self.values)

    def _cell(self, inputs: int, steps: int) -> nn.Module:
        width, values = self.width, self.values

        class Recurrent(torch.nn.Module):  # made here, because a module-level class would import torch
            """Series (b, channels, length), what was remembered of them at the end, (b, width)."""

            def __init__(self) -> None:
                super().__init__()
                nn, bound = torch.nn, width**-0.5
                draw = lambda *sizes: nn.Parameter(torch.empty(*sizes).uniform_(-bound, bound))  # noqa: E731
                self.weight_in, self.bias_in = draw(3 * width, inputs), draw(3 * width)
                self.weight_back, self.bias_back = draw(3 * width, width), draw(3 * width)

            def forward(self, series: Tensor) -> Tensor:
                filled = torch.nn.functional.pad(series, (0, steps * values - series.shape[-1]))
                read = filled.unflatten(-1, (steps, values)).transpose(1, 2).flatten(2)  # (b, steps, inputs)
                coming = torch.nn.functional.linear(read, self.weight_in, self.bias_in).split((2 * width, width), -1)
                state = series.new_zeros(len(series), width)
                for gates, new in zip(*(part.unbind(1) for part in coming), strict=True):  # the slopes of all steps are put together once
                    old = torch.nn.functional.linear(state, self.weight_back, self.bias_back).split((2 * width, width), -1)
                    reset, keep = torch.sigmoid(gates + old[0]).chunk(2, -1)
                    state = (1 - keep) * torch.tanh(new + reset * old[1]) + keep * state
                return state

        return Recurrent()
