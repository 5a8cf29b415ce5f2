"""Small pieces that several models share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "gelu")


def activation(name: str) -> nn.Module:
    """A fresh activation layer by name; never in place, because attacks differentiate twice."""
    nn = torch.nn
    return {
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "relu": nn.ReLU,
        "leaky_relu": nn.LeakyReLU,
        "elu": nn.ELU,
        "softplus": nn.Softplus,
        "gelu": nn.GELU,
    }[name]()


def standardise() -> nn.Module:
    """(x - 0.5) / 0.25 with fixed numbers, so that nothing of it is released."""

    class Standardise(torch.nn.Module):  # made here, because a module-level class would import torch
        def forward(self, image: Tensor) -> Tensor:
            return (image - 0.5) / 0.25

    return Standardise()


def num_features(body: nn.Module, shape: tuple[int, ...]) -> int:
    """How many numbers the body makes of one picture."""
    with torch.no_grad():
        return body(torch.zeros(1, *shape)).flatten(1).shape[1]


def halved(side: int) -> int:
    """Pixels along a side after a layer of stride 2 that pads: the half, rounded up."""
    return (side + 1) // 2


def uniform_(module: nn.Module, bound: float) -> nn.Module:
    """Draw all weights and biases from [-bound, bound]."""
    with torch.no_grad():
        for p in module.parameters():
            p.uniform_(-bound, bound)
    return module


def cut_at_activations(module: nn.Module, pooled: bool = True) -> list[nn.Module]:
    """A sequential net in pieces: each ends with an activation and, where `pooled`, the poolings after it; the last one holds the rest."""
    layers, stages = list(module.children()), []
    while any(map(_activates, layers)):
        end = next(k for k, layer in enumerate(layers) if _activates(layer)) + 1
        while pooled and end < len(layers) and _pools(layers[end]):
            end += 1
        stages.append(torch.nn.Sequential(*layers[:end]))
        layers = layers[end:]
    return [*stages, torch.nn.Sequential(*layers)]


def after_activation(layers: Sequence[nn.Module]) -> int:
    """Place after the last activation."""
    return max(k for k, layer in enumerate(layers) if _activates(layer)) + 1


def _activates(layer: nn.Module) -> bool:
    nn = torch.nn
    return isinstance(layer, (nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Softplus, nn.GELU))


def _pools(layer: nn.Module) -> bool:
    return isinstance(layer, (torch.nn.MaxPool2d, torch.nn.AvgPool2d))
