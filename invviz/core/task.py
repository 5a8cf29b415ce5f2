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


CLASSIFICATION = Task("classification", lambda outputs, targets: torch.nn.functional.cross_entropy(outputs, targets["label"]))
"""Cross-entropy; targets {"label": (b,) class numbers or (b, classes) probabilities}."""

REGRESSION = Task("regression", lambda outputs, targets: torch.nn.functional.mse_loss(outputs, targets["value"]))
"""Squared error; targets {"value": like the outputs}."""
