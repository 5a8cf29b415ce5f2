"""What noise along a direction of the message costs in training: the Fisher matrix of the loss on public pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core.gradient import gradient
from ..core.lazy import torch
from ..core.rng import derive
from ..core.tree import flatten
from ..core.types import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from ..core.types import Net, Tree, World
    from ..risk import Directions

PICTURES = 128  # public pictures from which the matrix is estimated, at most
AT_ONCE = 16  # of them


def is_of_parameters(message: Tree, net: Net) -> bool:
    """Whether a message has one entry for each of the net's parameters, as a gradient or an update has."""
    return {k: leaf.shape for k, leaf in message.items()} == {k: leaf.shape for k, leaf in net.params.items()}


def fisher_shares(directions: Directions, world: World) -> Tensor:
    """u_i^T F u_i p / tr F for every left singular direction u_i, shape (k,); 1 is a direction that costs as much as a random one.

    F is the mean of g g^T over public pictures, g the loss's gradient with a label drawn from the net's own prediction: near a minimum that
    is the curvature of the loss (key `martens2020natural`). u_i^T g = (V^T J^T g)_i / s_i, so one pass back through the release for each
    picture is enough. Source: [D].

    Args:
        directions: of a release whose message is like the net's parameters; where s_i is 0 the share is 0.
        world: its net, and public pictures, at least one; at most 128 are taken, spread evenly. The draw of labels is always the same.
    """
    jacobian, right, values = directions.jacobian, directions.right, directions.values
    squares, trace = torch.zeros_like(values), 0.0
    for gradients in _gradients(world, list(jacobian.message), jacobian.at_once):
        trace += float(gradients.double().square().sum())
        back = torch.func.vmap(jacobian.rmatvec)(gradients).detach().cpu().double()
        squares += (back @ right).square().sum(0)
    shares = squares / values.clamp(min=1e-300).square() * (jacobian.shape[0] / max(trace, 1e-300))
    return torch.where(values > 0, shares, 0.0)


def entry_shares(message: Tree, world: World) -> Tensor:
    """F_jj p / tr F for every entry of a message that is like the net's parameters, flat, float64 on the CPU; otherwise as `fisher_shares`."""
    squares = sum(part.double().square().sum(0).cpu() for part in _gradients(world, list(message), AT_ONCE))
    assert not isinstance(squares, int)
    return squares * (len(squares) / squares.sum().clamp(min=1e-300))


def _gradients(world: World, order: list[str], at_once: int) -> Iterator[Tensor]:
    """Gradients of public pictures with labels that the net draws, flattened in this order, some at a time, shape (m, p)."""
    net = world.net
    where = np.linspace(0, len(world.public) - 1, min(PICTURES, len(world.public))).astype(int)
    pictures = world.public[torch.as_tensor(where, device=world.public.device)].to(next(iter(net.params.values())))
    labels = _drawn_labels(net, pictures)

    def flat(image: Tensor, label: Tensor) -> Tensor:
        found = gradient(net, net.params, Batch.of(image[None], label[None]))
        return flatten({name: found[name] for name in order})

    for some, names in zip(pictures.split(at_once), labels.split(at_once), strict=True):
        yield torch.func.vmap(flat)(some, names).detach()


def _drawn_labels(net: Net, pictures: Tensor) -> Tensor:
    """One label for each picture, drawn from what the net predicts, always by the same numbers."""
    with torch.no_grad():
        chances = net.outputs(net.params, Batch.of(pictures, pictures.new_zeros(len(pictures)))).double().softmax(1).cpu()
    drawn = torch.from_numpy(np.random.default_rng(derive(0, "fisher labels")).random((len(pictures), 1)))
    return (chances.cumsum(1) < drawn).sum(1).clamp(max=chances.shape[1] - 1).to(pictures.device)
