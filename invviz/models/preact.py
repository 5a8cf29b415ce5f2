"""A small residual net, with the parts that decide whether it can be inverted in training mode as knobs."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Blocks, Shape
from ._layers import ACTIVATIONS, activation, halved, standardise

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST_BLOCKS = 4


@dataclasses.dataclass(frozen=True)
class PreAct(Blocks):
    """Residual blocks of two 3x3 convolutions with batch norm, before (He et al. 2016) or after them.

    A first convolution, then blocks; every block after the first halves the sides and doubles the channels, as the stages of a ResNet do. Order 'pre' is norm, activation,
    convolution, with one more norm at the end; order 'post' is convolution, norm, activation, as in resnet18; without skip connections both are the same sequence of layers.
    Where a block changes the shape, the skip connection is a 1x1 convolution (with a norm in order 'post'). The head reads a coarse grid of means: from a single mean (grid=1)
    hardly a picture comes back, in either mode (measured). Pictures are first centred and scaled.
    """

    name: ClassVar[str] = "preact"
    title: ClassVar[str] = "Residual net, norm before or after"
    paper: ClassVar[str] = "he2016identity"
    held: ClassVar[float] = 4.5
    cuts: ClassVar[tuple[str, ...]] = tuple(f"block {k}" for k in range(1, MOST_BLOCKS + 1))  # the first `blocks` of them
    min_side: ClassVar[int] = 8
    epochs: ClassVar[int] = 5

    width: int = knob(32, "channels of the first block; each later one has twice as many", low=1, high=128, unit="channels")
    blocks: int = knob(2, "residual blocks of two convolutions", low=1, high=MOST_BLOCKS, unit="blocks")  # type: ignore[bad-override]  (read only here: the class is frozen)
    skip: str = knob("on", "residual connections around every block", choices=("on", "off"))
    order: str = knob("pre", "batch norm and activation before every convolution, or after it", choices=("pre", "post"))
    grid: int = knob(4, "the head reads means over a grid of that many by that many places; 1: one mean, as in a ResNet", low=1, high=8)
    act: str = knob("relu", "activation in every block", choices=ACTIVATIONS)

    @property
    def batch_norm(self) -> bool:
        """Always."""
        return True

    def entries(self, shape: Shape, cut: int, activated: bool = True) -> int:
        """Every block after the first halves the sides and doubles the channels."""
        h, w = self._sides(shape, cut)
        return self.width * 2 ** (cut - 1) * h * w

    def products(self, shape: Shape, num_classes: int) -> int:
        """The first convolution, two a block, the 1x1 ones of skip connections, and the head."""
        found = 9 * shape[0] * self.entries(shape, 1)
        for block in range(1, self.blocks + 1):
            given, made = self.width * 2 ** max(0, block - 2), self.width * 2 ** (block - 1)
            found += self.entries(shape, block) * (9 * (given + made) + (given if block > 1 and self.skip == "on" else 0))
        return found + self.width * 2 ** (self.blocks - 1) * self.grid**2 * num_classes

    def fewest(self, shape: Shape) -> int:
        """Those of the last block."""
        h, w = self._sides(shape, self.blocks)
        return h * w

    def _sides(self, shape: Shape, block: int) -> tuple[int, int]:
        _, h, w = shape
        for _ in range(block - 1):
            h, w = halved(h), halved(w)
        return h, w

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """First convolution, blocks, and a head: mean over places and a linear layer."""
        nn, last = torch.nn, self.width * 2 ** (self.blocks - 1)
        ends = lambda channels: nn.Sequential(nn.BatchNorm2d(channels), activation(self.act))  # noqa: E731
        parts = [("standardise", standardise()), ("stem", nn.Conv2d(shape[0], self.width, 3, padding=1, bias=False))]
        parts += [("norm", ends(self.width))] if self.order == "post" else []
        for k in range(self.blocks):
            given = self.width * 2 ** max(0, k - 1)
            parts.append((f"block{k + 1}", self._block(given, self.width * 2**k, 1 if k == 0 else 2)))
        parts += [("norm", ends(last))] if self.order == "pre" else []
        parts += [("pool", nn.AdaptiveAvgPool2d(self.grid)), ("flat", nn.Flatten()), ("head", nn.Linear(last * self.grid**2, num_classes))]
        net = nn.Sequential(OrderedDict(parts))
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        return net

    def segments(self, module: nn.Module) -> list[nn.Module]:
        """What comes before the first block belongs to it; the head is the rest."""
        first = 3 if self.order == "post" else 2
        parts = list(module.children())
        blocks = parts[first : first + self.blocks]
        return [
            torch.nn.Sequential(*parts[:first], blocks[0]),
            *map(torch.nn.Sequential, blocks[1:]),
            torch.nn.Sequential(*parts[first + self.blocks :]),
        ]

    def _block(self, given: int, made: int, stride: int) -> nn.Module:
        nn, pre, skips, act = torch.nn, self.order == "pre", self.skip == "on", self.act

        class Block(nn.Module):  # made here, because a module-level class would import torch
            def __init__(self) -> None:
                super().__init__()
                self.norm1, self.norm2 = nn.BatchNorm2d(given if pre else made), nn.BatchNorm2d(made)
                self.conv1 = nn.Conv2d(given, made, 3, stride, 1, bias=False)
                self.conv2 = nn.Conv2d(made, made, 3, 1, 1, bias=False)
                self.act1, self.act2 = activation(act), activation(act)
                self.skip = None
                if skips and (stride > 1 or given != made):
                    fit = nn.Conv2d(given, made, 1, stride, bias=False)
                    self.skip = fit if pre else nn.Sequential(fit, nn.BatchNorm2d(made))

            def forward(self, x: Tensor) -> Tensor:
                past = x if self.skip is None else self.skip(x)
                if pre:
                    out = self.conv2(self.act2(self.norm2(self.conv1(self.act1(self.norm1(x))))))
                    return out + past if skips else out
                out = self.norm2(self.conv2(self.act1(self.norm1(self.conv1(x)))))
                return self.act2(out + past if skips else out)

        return Block()
