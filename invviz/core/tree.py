"""Arithmetic on {name: Tensor}."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Generator, Tensor

    from .types import Tree


def map_tree(fn: Callable[..., Tensor], *trees: Tree) -> Tree:
    """Apply `fn` leaf by leaf; all trees have the names of the first."""
    return {k: fn(*(t[k] for t in trees)) for k in trees[0]}


def flatten(tree: Tree, batch_dims: int = 0) -> Tensor:
    """All leaves as one vector in the order of their names' insertion, behind `batch_dims` shared dimensions."""
    return torch.cat([leaf.flatten(start_dim=batch_dims) for leaf in tree.values()], dim=batch_dims)


def unflatten(vector: Tensor, like: Tree) -> Tree:
    """The inverse of `flatten` for one vector."""
    sizes = [leaf.numel() for leaf in like.values()]
    parts = vector.split(sizes)
    return {k: part.view_as(leaf) for (k, leaf), part in zip(like.items(), parts, strict=True)}


def joined(tree: Tree) -> Tensor:
    """One leaf as it is; several side by side, flattened behind the sample, shape (n, numbers)."""
    leaves = list(tree.values())
    return leaves[0] if len(leaves) == 1 else torch.cat([leaf.flatten(1) for leaf in leaves], 1)


def side_by_side(messages: Sequence[Tree]) -> Tree:
    """The messages of several rounds as one tree, with the round in front of every name.

    Example:
        >>> list(side_by_side([{"fc.bias": 1}, {"fc.bias": 2}]))
        ['round 1: fc.bias', 'round 2: fc.bias']
    """
    return {f"round {t}: {name}": leaf for t, message in enumerate(messages, 1) for name, leaf in message.items()}


def without_round(name: str) -> str:
    """The name of a part of a message as one round alone has it.

    Example:
        >>> without_round("round 2: fc.bias"), without_round("fc.bias")
        ('fc.bias', 'fc.bias')
    """
    return name.rpartition(": ")[2]


def numel(tree: Tree) -> int:
    """How many numbers the tree holds."""
    return sum(leaf.numel() for leaf in tree.values())


def dot(a: Tree, b: Tree) -> Tensor:
    """Inner product over all leaves, a scalar."""
    return torch.stack([(a[k] * b[k]).sum() for k in a]).sum()


def norm(tree: Tree) -> Tensor:
    """Euclidean norm over all leaves, a scalar."""
    return dot(tree, tree).sqrt()


def rms(tree: Tree) -> Tensor:
    """Root mean square of all entries: norm / sqrt(number of entries)."""
    return norm(tree) / numel(tree) ** 0.5


def randn_like(leaf: Tensor, rng: Generator) -> Tensor:
    """Standard normal numbers of a leaf's shape, drawn on the CPU so that every device gets the same ones."""
    return torch.randn(leaf.shape, generator=rng, dtype=leaf.dtype).to(leaf.device)


def rand_like(leaf: Tensor, rng: Generator) -> Tensor:
    """Uniform numbers in [0, 1) of a leaf's shape, drawn on the CPU so that every device gets the same ones."""
    return torch.rand(leaf.shape, generator=rng, dtype=leaf.dtype).to(leaf.device)
