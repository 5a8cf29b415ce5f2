"""Which samples of a batch fire which neurons, read off the samples' own gradients: it holds for any layer and any activation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .batch import Batch
from .lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from .batch import Net
    from .types import Tree

FAINT = 1e-6  # of the sample's largest row: below, a neuron does not fire


CHUNK = 8  # samples whose gradients are held at once


def row_norms(net: Net, batch: Batch) -> Tree:
    """Euclidean norms of the rows of every weight's gradient, sample by sample: {name: (b, rows)}; of weights with at least two dimensions."""
    params = {name: p.detach() for name, p in net.params.items()}

    def norms(inputs: Tree, targets: Tree) -> Tree:
        one = Batch({k: v[None] for k, v in inputs.items()}, {k: v[None] for k, v in targets.items()}, batch.modality)
        found = torch.func.grad(net.loss)(params, one)
        return {name: g.flatten(1).norm(dim=1) for name, g in found.items() if g.dim() > 1}

    return torch.func.vmap(norms, chunk_size=CHUNK)(batch.inputs, batch.targets)


def fired(norms: Tensor) -> Tensor:
    """Which samples fire which neurons of a layer, as booleans (b, rows): their row is more than a millionth of the sample's largest, so that a small loss counts as others.

    Args:
        norms: of the rows, (b, rows), as `row_norms` has them.
    """
    return norms > FAINT * norms.max(1, keepdim=True).values
