"""What batch-norm layers remember of the pictures that a net was trained on, as a prior on pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.types import Batch

if TYPE_CHECKING:
    from typing import Any

    from torch import Tensor, nn

    from ..core.types import Net


def remembering(net: Net) -> list[nn.Module]:
    """The batch-norm layers of a net that have seen training: fresh ones hold mean 0 and variance 1, which say nothing of pictures."""
    kind = torch.nn.modules.batchnorm._BatchNorm
    return [m for m in net.module.modules() if isinstance(m, kind) and m.running_mean is not None and int(m.num_batches_tracked or 0) > 0]


def statistics_distance(net: Net, layers: list[nn.Module], images: Tensor) -> Tensor:
    """How far feature means and variances of each start lie from the running ones, shape (starts,): |mean - m| + |variance - v|, summed over layers (yin2021see).

    Nets run in evaluation mode here, so all starts go through in one call. Variances are biased ones, as in the layer's own normalisation.

    Args:
        net: holds the layers.
        layers: batch-norm layers; not empty.
        images: (starts, b, c, h, w).
    """
    starts, found = len(images), []

    def look(layer: Any, inputs: tuple[Tensor, ...]) -> None:
        features = inputs[0].unflatten(0, (starts, -1)).transpose(1, 2).flatten(2)  # (starts, channels, the rest)
        mean, variance = features.mean(2), features.var(2, unbiased=False)
        found.append(
            torch.linalg.vector_norm(mean - layer.running_mean, dim=1) + torch.linalg.vector_norm(variance - layer.running_var, dim=1)
        )

    handles = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        net.outputs(net.params, Batch.of(images.flatten(0, 1), images.new_zeros(0)))
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(found).sum(0)
