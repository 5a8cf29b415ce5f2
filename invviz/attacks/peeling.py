"""Peeling a net layer by layer, from its last layer to the picture."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.gradient import gradient
from ..core.tree import map_tree
from ..core.types import Knowledge
from ._base import Attack
from ._chain import Walk
from ._closed_form import WHAT, Solution, changed_before, solved
from ._matching import UNMATCHED, squared_error

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress, Reconstruction
    from ._closed_form import Task

ROUNDINGS, LEAST = (
    300,
    1e-9,
)  # times the message's rounding, and no less than: share of a layer's equations above which no input explains them
SCALED = 1e-3  # distance from one at which the message's scale is told


@dataclasses.dataclass(frozen=True)
class Peeling(Attack):
    """Solves for the input of one layer after the other, from the last to the picture: closed form, no search.

    The last layer's gradient gives label and features. An activation that is one to one is undone, which also gives the gradient before it. Then the input x of a
    convolution solves linear equations: W * x + b = u, its known output, and dL/dW = corr(x, k) with the known gradient k by u. Under ReLU an output of 0 gives no
    equation. [P] (key zhu2021rgap). Ours: biases and softmax over several classes, the scale of the message read off its last layer (so that clipping is undone),
    both kinds of equations weighed by their errors, and the rank of each layer's equations in the note. All in float64, whatever the message's precision.
    """

    name: ClassVar[str] = "peeling"
    title: ClassVar[str] = "Layer peeling (R-GAP)"
    paper: ClassVar[str] = "zhu2021rgap"
    max_batch: ClassVar[int | None] = 1
    needs_classes: ClassVar[bool] = True
    needs_gradient: ClassVar[bool] = True
    solves: ClassVar[bool] = True
    one_round: ClassVar[bool] = True
    exact: ClassVar[str] = (
        "one sample, a chain of convolutions and linear layers with activations that are one to one, full rank of each layer's equations, an undisturbed gradient"
    )

    def wants(self) -> Knowledge:
        """That the batch holds one sample."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """One layer a step; `rng` is not used. Where a layer cannot be peeled the answer is grey, `failed`, and the note says which and why."""
        return solved(obs, progress, _peel)


def _peel(task: Task) -> Solution:
    obs = task.obs
    walk = Walk(obs.net, task.message, task.seen, obs.template.private, task.rounding)
    task.label, steps = walk.label, len(walk.layers) + 1
    while walk.layers:
        walk.peel()
        if walk.layers:
            task.report(steps - len(walk.layers), steps)
    found = walk.value.view(obs.template.private.shape)
    image = found.clamp(*obs.bounds)
    made = gradient(obs.net, obs.net.params, obs.template.at(image, walk.label))
    loss = float(squared_error(*(map_tree(lambda leaf, use: leaf * use, tree, walk.seen) for tree in (made, walk.unscaled()))))
    return Solution(image, loss, verdict(walk, changed_before(found, obs.bounds)), not loss <= UNMATCHED, steps)


def verdict(walk: Walk, changed: str) -> str:
    """What the ranks and residuals of all layers say of the answer, and `changed`: why it is not the client's own picture, if that shows."""
    parts, open_layers = [], [(words, p) for words, p in walk.found if p.rank < p.unknowns]
    for words, p in reversed(open_layers):
        parts.append(f"{words} leaves its input open: rank {'at most ' if p.counted else ''}{p.rank:,} of {p.unknowns:,}")
    if walk.dead:
        parts.append(f"{walk.dead:,} outputs of ReLU are 0 and give no equation")
    if abs(walk.scale - 1) > SCALED:
        parts.append(f"the message is {walk.scale:.4g} times a gradient, which was undone")
    worst, left = max(((words, p.residual) for words, p in walk.found), key=lambda pair: pair[1])
    if left > max(ROUNDINGS * walk.rounding, LEAST):
        why = "which what stays open leads to" if open_layers else "so the message was altered"
        parts.append(f"not exact: the equations of {worst} contradict each other (by {left:.1e} of their size), {why}")
    elif not open_layers:
        sure = f"the equations of every layer determine its input, and agree to {left:.0e} of their size"
        parts.append(f"not exact: {sure}, but {changed}" if changed else f"exact: {sure}; {WHAT}")
    note = "; ".join(parts)
    return note[:1].upper() + note[1:] + "."
