"""Small pieces that several models share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
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


def num_features(body: nn.Module, shape: tuple[int, int, int]) -> int:
    """How many numbers the body makes of one picture."""
    with torch.no_grad():
        return body(torch.zeros(1, *shape)).flatten(1).shape[1]


def uniform_(module: nn.Module, bound: float) -> nn.Module:
    """Draw all weights and biases from [-bound, bound]."""
    with torch.no_grad():
        for p in module.parameters():
            p.uniform_(-bound, bound)
    return module
