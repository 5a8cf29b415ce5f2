"""Walking back through a chain of layers: from the gradient of the last one to the picture."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from ..core.lazy import torch
from ._base import Unreadable
from ._labels import infer_label
from ._peel import Equations, Peeled, conv_back
from ._undo import affine, undone

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..core.types import Net, Tree


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer of the chain."""

    name: str  # before its parameters' names
    module: nn.Module
    shape: tuple[int, ...]  # of its input, (1, ...)
    words: str  # kind, and number from the picture on


def chain(net: Net, like: Tensor) -> list[Layer]:
    """The layers of a net in a row, from the picture on.

    Raises:
        Unreadable: the net is no chain.
    """
    layers: list[Layer] = []

    def walk(module: nn.Module, name: str, x: Tensor) -> Tensor:
        if isinstance(module, torch.nn.Sequential):
            for key, child in module.named_children():
                x = walk(child, f"{name}{key}.", x)
            return x
        kind = {"Conv2d": "convolution", "Linear": "linear layer"}.get(type(module).__name__, type(module).__name__)
        same = sum(type(layer.module) is type(module) for layer in layers)
        layers.append(Layer(name, module, tuple(x.shape), f"{kind} {same + 1}"))
        return module(x)

    if not isinstance(net.module, torch.nn.Sequential):
        raise Unreadable(
            f"Peeling takes a plain chain of layers, as torch.nn.Sequential has them; in which order a {type(net.module).__name__} calls its layers cannot be read off this module."
        )
    with torch.no_grad():
        walk(net.module, "", torch.zeros_like(like))
    return layers


class Walk:
    """A chain that is peeled from its end; holds what is known at the input of the last layer that was peeled.

    Args:
        net: in float64, with its message.
        message: gradient by each parameter, as it came.
        seen: which entries were sent, or None: all.
        like: a picture, for its shape.
        error: of the message's entries by their rounding, relative.
    """

    def __init__(self, net: Net, message: Tree, seen: Tree | None, like: Tensor, error: float) -> None:
        if {k: v.shape for k, v in message.items()} != {k: v.shape for k, v in net.params.items()}:
            raise Unreadable("The message has other parts than the net: its layers cannot be told apart.")
        if not all(bool(torch.isfinite(leaf).all()) for leaf in message.values()):
            raise Unreadable("The message is not finite: nothing can be read off it.")
        self.message, self.rounding, self.error, self.found = message, error, error, list[tuple[str, Peeled]]()
        self.seen = seen or {k: torch.ones_like(v) for k, v in message.items()}
        self.layers = chain(net, like)
        self.value: Tensor = like.new_zeros(1, 0)
        self.sure: Tensor | None = None  # how much each value counts, where that is not 1
        self.scale = 1.0  # the message over the true gradient
        self.dead = 0  # outputs of ReLU that are 0
        self._read_head(self.layers.pop())
        linear = (
            k + 1 for k, layer in enumerate(self.layers) if isinstance(layer.module, torch.nn.Linear) and layer.module.bias is not None
        )
        self.layers = self.layers[: next(linear, len(self.layers))]  # such a layer shows its input, whatever comes after it

    def unscaled(self) -> Tree:
        """The message as it was before it was scaled."""
        return {name: leaf / self.scale for name, leaf in self.message.items()}

    def _read_head(self, layer: Layer) -> None:
        """Label, features and the gradient by them, of the last layer; and by what the message was scaled, which the features show."""
        linear: Any = layer.module
        if not isinstance(linear, torch.nn.Linear) or linear.bias is None:
            raise Unreadable("Peeling starts at a last layer that is linear with a bias; this net has none.")
        bias = self.message[f"{layer.name}bias"]
        self.label = infer_label(self.message)
        self._outer(layer, bias)
        logits = linear(self.value)[0]
        slope = logits.softmax(0)
        slope[self.label] = -(slope.sum() - slope[self.label])  # p - 1 as a sum, which does not cancel
        scale = float((bias * slope).sum() / slope.square().sum())
        self.scale = scale if scale > 0 else 1.0
        self.slope = (bias[None] / self.scale) @ linear.weight

    def _outer(self, layer: Layer, delta: Tensor) -> None:
        """The input of a linear layer: its weight gradient is delta x^T."""
        weight = self.message[f"{layer.name}weight"]
        use = self.seen[f"{layer.name}weight"] * (delta != 0)[:, None]
        energy = (delta[:, None] ** 2 * use).sum(0)
        if not float(energy.max()) > 0:
            raise Unreadable(f"The gradient of {layer.words} is zero: nothing can be read off it.")
        x = (delta[:, None] * weight * use).sum(0) / energy.clamp(min=1e-300)
        off = float((((weight - torch.outer(delta, x)) * use).square().sum() / (weight.square() * use).sum().clamp(min=1e-300)).sqrt())
        self.found.append((layer.words, Peeled(x, int((use > 0).sum()), len(x), int((energy > 0).sum()), False, off)))
        self.error = max(self.error, off)
        self.value, self.sure = x[None], (energy > 0).to(x)[None]

    def peel(self) -> None:
        """Go one layer back.

        Raises:
            Unreadable: it cannot be peeled.
        """
        layer = self.layers.pop()
        module: Any = layer.module
        nn = torch.nn
        if isinstance(module, nn.Linear):
            bias = self.message.get(f"{layer.name}bias")
            self._outer(layer, self.slope[0] * self.scale if bias is None else bias)
            self.slope = self.slope @ module.weight
        elif isinstance(module, nn.Conv2d):
            self._convolution(layer)
        elif isinstance(module, nn.Flatten):
            self.value, self.slope = self.value.view(layer.shape), self.slope.view(layer.shape)
            self.sure = None if self.sure is None else self.sure.view(layer.shape)
        elif (shift := affine(module, layer.shape, self.value)) is not None:
            self.value, self.slope = (self.value - shift[0]) / shift[1], self.slope * shift[1]
        else:
            self._activation(layer)

    def _activation(self, layer: Layer) -> None:
        a, module = self.value, layer.module
        u = undone(module, a)
        if u is None:
            raise Unreadable(
                f"Peeling stops at {layer.words}, counted from the picture: different inputs give the same output. Use dlg or inverting_gradients."
            )
        known = torch.ones_like(a) if self.sure is None else self.sure
        if isinstance(module, torch.nn.ReLU):
            on = self._active(a)
            self.dead += int((~on).sum())
            u, known = torch.where(on, a, -torch.ones_like(a)), known * on
        steep = torch.func.grad(lambda v: module(v).sum())(u)
        self.value, self.sure, self.slope = u, steep * known / _size(a), self.slope * steep

    def _active(self, a: Tensor) -> Tensor:
        """Which outputs of ReLU are above 0: the largest ones, as many as make the gradients behind them add up to the bias gradient of the convolution before."""
        before = self.layers[-1] if self.layers else None
        bias = None if before is None or not isinstance(before.module, torch.nn.Conv2d) else self.message.get(f"{before.name}bias")
        if bias is None:
            return a > a.abs().max() * self.error**0.5
        order = a.flatten().argsort(descending=True)
        channel = order // (a.numel() // len(bias))
        sums = torch.zeros(len(order) + 1, len(bias)).to(a)
        sums[torch.arange(1, len(order) + 1), channel] = self.slope.flatten()[order]
        count = int((sums.cumsum(0) - bias / self.scale).square().sum(1).argmin())
        on = torch.zeros(a.numel(), dtype=torch.bool, device=a.device)
        on[order[:count]] = True
        return on.view_as(a)

    def _convolution(self, layer: Layer) -> None:
        conv: Any = layer.module
        if conv.groups != 1 or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
            raise Unreadable(f"Peeling knows no grouped convolutions and no padding but zeros; {layer.words} has one.")
        out = self.value
        gradient = self.message[f"{layer.name}weight"] / self.scale
        bias = 0.0 if conv.bias is None else conv.bias.view(1, -1, 1, 1)
        sent = self.seen[f"{layer.name}weight"] / _size(gradient)
        sure = torch.ones_like(out) / _size(out) if self.sure is None else self.sure
        if not all(bool(torch.isfinite(leaf).all()) for leaf in (out, self.slope, sure)):
            raise Unreadable(
                f"Peeling stops at {layer.words}, counted from the picture: the numbers behind it are too large. Use dlg or inverting_gradients."
            )
        found = Equations(conv, layer.shape, out - bias, sure, self.slope, gradient, sent).solve(self._middle(), self.error)
        self.found.append((layer.words, found))
        self.slope = conv_back(conv, conv.weight, layer.shape, self.slope)
        self.value, self.sure = found.value, None

    def _middle(self) -> float:
        """The input that a layer most likely had: what the layer before it makes of 0."""
        if not self.layers:
            return 0.5
        before = self.layers[-1].module
        return float(before(torch.zeros(1, 1, 1, 1).to(self.value)).mean()) if undone(before, self.value) is not None else 0.0


def _size(leaf: Tensor) -> float:
    """Root mean square; 1 of zeros."""
    return float(leaf.square().mean().sqrt()) or 1.0
