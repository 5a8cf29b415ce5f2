"""What a net is trained to do: a loss of its outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from .lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from .types import Tree


@dataclasses.dataclass(frozen=True)
class Task:
    """A loss, (outputs, targets) -> scalar.

    Attributes:
        name: of it.
        loss: mean over the batch; differentiable.
    """

    name: str
    loss: Callable[[Tensor, Tree], Tensor]


def with_tangent(loss: Callable[[Tensor, Tree], Tensor]) -> Callable[[Tensor, Tree], Tensor]:
    """The same loss with the same derivatives, whose targets are numbers that forward mode knows to vary.

    torch 2.13 cannot push mse_loss forward through its backward pass where the target is a constant ("ZeroTensors are immutable"): real targets get 0 times the
    outputs added.
    """

    def told(outputs: Tensor, targets: Tree) -> Tensor:
        if not torch.is_tensor(outputs):
            return loss(outputs, targets)
        nothing = (0.0 * outputs).sum()  # in this order: of a single number times 0.0 forward mode makes a double
        return loss(outputs, {name: value + nothing if value.is_floating_point() else value for name, value in targets.items()})

    return told


CLASSIFICATION = Task("classification", lambda outputs, targets: torch.nn.functional.cross_entropy(outputs, targets["label"]))
"""Cross-entropy; targets {"label": (b,) class numbers or (b, classes) probabilities}."""

REGRESSION = Task("regression", with_tangent(lambda outputs, targets: torch.nn.functional.mse_loss(outputs, targets["value"])))
"""Squared error; targets {"value": like the outputs}."""
