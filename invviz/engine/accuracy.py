"""How often a net is right on held-out pictures: one way for nets that are pretrained, trained by clients, and compared in studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Batch, Net

AT_ONCE = 250  # pictures that go through a net together


def class_scores(net: Net, batch: Batch) -> Tensor:
    """What a net makes of a batch, (b, classes), in parts that fit in memory; no gradients are recorded."""
    with torch.no_grad():
        return torch.cat([net.outputs(net.params, part) for part in pieces(batch, AT_ONCE)])


def accuracy(scores: Tensor, label: Tensor) -> float:
    """Share of the samples whose largest class score (b, classes) is that of their label (b,)."""
    return float((scores.argmax(1) == label).double().mean())


def pieces(batch: Batch, size: int) -> list[Batch]:
    """The batch in parts of some size."""
    count = len(batch.label)
    return batch.pieces([min(size, count - k) for k in range(0, count, size)])
