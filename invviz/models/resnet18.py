"""torchvision's ResNet-18, with the parts that matter to inversion as knobs."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.torchvision import load_torchvision
from ._base import Model, Shape
from ._layers import ACTIVATIONS, activation, halved

if TYPE_CHECKING:
    from torch import nn

SMALL = 64  # pixels, up to which pictures get the small stem
NORMS = ("batch", "group", "none")


@dataclasses.dataclass(frozen=True)
class ResNet18(Model):
    """ResNet-18 from torchvision. Pictures up to 64 pixels get the usual small stem (3x3, stride 1, no pooling).

    Batch norm is in evaluation mode (but with protocol=hfl_training): the attacker knows its running statistics, which are part of the net.
    """

    name: ClassVar[str] = "resnet18"
    title: ClassVar[str] = "ResNet-18"
    paper: ClassVar[str] = "he2016resnet"
    held: ClassVar[float] = 5.8
    cuts: ClassVar[tuple[str, ...]] = ("stem", "stage 1", "stage 2", "stage 3", "stage 4")
    min_side: ClassVar[int] = 8
    epochs: ClassVar[int] = 5

    width: int = knob(
        64, "channels of the first stage; later ones have 2, 4 and 8 times as many (torchvision: 64)", low=4, high=128, unit="channels"
    )
    act: str = knob("relu", "activation in every block", choices=ACTIVATIONS)
    norm: str = knob("batch", "normalisation layers", choices=NORMS)

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Torchvision's net with stem, width, activation and norm exchanged."""
        nn = torch.nn
        resnet = load_torchvision().models.resnet
        plain = {"batch": nn.BatchNorm2d, "group": lambda c: nn.GroupNorm(math.gcd(c, max(1, c // 8)), c), "none": lambda c: nn.Identity()}[
            self.norm
        ]
        scale = lambda c: plain(c * self.width // 64)  # noqa: E731  torchvision asks for norms by its own 64-based channel numbers
        net = resnet.ResNet(resnet.BasicBlock, [2, 2, 2, 2], num_classes=num_classes, norm_layer=plain if self.width == 64 else scale)
        if self.width != 64:
            _rescale(net, self.width, num_classes)
        small = shape[1] <= SMALL
        if shape[0] != 3 or small:
            net.conv1 = nn.Conv2d(shape[0], self.width, 3 if small else 7, stride=1 if small else 2, padding=1 if small else 3, bias=False)
            net.maxpool = nn.Identity() if small else net.maxpool
        _swap_activations(net, self.act)
        return net

    def entries(self, shape: Shape, cut: int, activated: bool = True) -> int:
        """The stem and the first stage have the same shape; later stages halve the sides and double the channels."""
        h, w = self._sides(shape, cut, activated)
        return self.width * 2 ** max(0, cut - 2) * h * w

    def products(self, shape: Shape, num_classes: int) -> int:
        """The stem, four convolutions a stage, and where a stage changes the shape a 1x1 convolution of the skip connection."""
        made = [self.entries(shape, cut) for cut in range(2, 6)]
        stem = (9 if shape[1] <= SMALL else 49) * shape[0] * self.entries(shape, 1, activated=False)
        found = stem + 4 * 9 * self.width * made[0]
        for k in range(1, 4):
            channels = self.width * 2**k
            found += made[k] * (9 * (channels // 2) + 3 * 9 * channels + channels // 2)
        return found + 8 * self.width * num_classes

    def fewest(self, shape: Shape) -> int:
        """Those of the last stage."""
        h, w = self._sides(shape, 5)
        return h * w

    def _sides(self, shape: Shape, cut: int, activated: bool = True) -> tuple[int, int]:
        small = shape[1] <= SMALL
        times = (
            max(0, cut - 2) + (0 if small else 1) + (0 if small or not activated else 1)
        )  # before its activation the stem has not pooled
        _, h, w = shape
        for _ in range(times):
            h, w = halved(h), halved(w)
        return h, w

    @property
    def batch_norm(self) -> bool:
        """With norm='batch'."""
        return self.norm == "batch"

    @property
    def open_cuts(self) -> tuple[int, ...]:
        """Behind the first convolution; later stages end inside a residual block."""
        return (1,)

    def segments(self, module: nn.Module) -> list[nn.Module]:
        """The stem, the four stages of residual blocks, and the rest."""
        net: Any = module
        nn = torch.nn
        stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        return [stem, net.layer1, net.layer2, net.layer3, net.layer4, nn.Sequential(net.avgpool, nn.Flatten(), net.fc)]


def _rescale(net: nn.Module, width: int, num_classes: int) -> None:
    """Give every convolution and the last layer channels in proportion to `width`."""
    nn = torch.nn
    for parent in list(net.modules()):
        for key, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d):
                inputs = child.in_channels if child.in_channels == 3 else child.in_channels * width // 64
                fresh = nn.Conv2d(inputs, child.out_channels * width // 64, child.kernel_size, child.stride, child.padding, bias=False)  # type: ignore[arg-type]
                setattr(parent, key, fresh)
    net.fc = nn.Linear(512 * width // 64, num_classes)


def _swap_activations(net: nn.Module, name: str) -> None:
    """Exchange torchvision's in-place ReLUs: attacks differentiate twice and need the values that in-place layers overwrite."""
    for parent in list(net.modules()):
        for key, child in list(parent.named_children()):
            if isinstance(child, torch.nn.ReLU):
                setattr(parent, key, activation(name))
