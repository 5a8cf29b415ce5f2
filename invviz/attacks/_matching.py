"""The one loop of all attacks by matching: starts, a watch over each, and the best answer by the matching loss alone."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import dot, map_tree
from ..core.types import Batch, Observation, Reconstruction, Step

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Net, Progress, Tree

UNMATCHED = 1e-2  # a relative matching loss above this means that the message was not reproduced
CLOSE = 1e-4  # below this the picture is usually right to the eye
ROUNDINGS = 4  # of the message: relative residual at which nothing is left to explain
BLOWN_UP = 1e3  # times the first loss of a start: diverged


class Enough(Exception):
    """A start is over; the watch knows why."""


def squared_error(message: Tree, target: Tree) -> Tensor:
    """|m - t|^2 / |t|^2: 0 is a perfect match, 1 is what sending nothing would give."""
    difference = {k: message[k] - target[k] for k in target}
    return dot(difference, difference) / dot(target, target)


def up_to_length(message: Tree, target: Tree) -> tuple[float, float]:
    """`squared_error` of a message that is scaled so as to come closest to the target; and that scale. Not a number where the message is zero."""
    message = {name: message[name] for name in target}
    scale = float(dot(message, target) / dot(message, message))
    return float(squared_error(map_tree(lambda leaf: scale * leaf, message), target)), scale


def rounding(message: Tree) -> float:
    """Relative residual at which nothing of a message is left to explain, by the precision in which it came."""
    return ROUNDINGS * max(torch.finfo(leaf.dtype).eps for leaf in message.values())


def cosine_distance(message: Tree, target: Tree) -> Tensor:
    """1 - cos(m, t), blind to length (geiping2020inverting)."""
    return 1 - dot(message, target) / (dot(message, message) * dot(target, target)).sqrt()


def cosine_slope(target: Tree) -> Callable[[Tree], tuple[Tensor, Tree]]:
    """`cosine_distance` from a target with its derivative by the message, written out: that saves autograd a pass over the message."""
    length = dot(target, target).sqrt()

    def of(message: Tree) -> tuple[Tensor, Tree]:
        message = map_tree(lambda leaf: leaf.detach(), message)
        square, along = dot(message, message), dot(message, target)
        size = square.sqrt() * length
        scale, share = float(along / square / size), float(1 / size)
        return 1 - along / size, map_tree(lambda m, t: m.mul(scale).sub_(t, alpha=share), message, target)

    return of


def is_smooth(net: Net) -> bool:
    """Whether the net has no kinks (ReLU, max pooling): a gradient then varies smoothly with the picture."""
    nn = torch.nn
    kinked = (nn.ReLU, nn.LeakyReLU, nn.MaxPool2d, nn.AdaptiveMaxPool2d, nn.PReLU, nn.RReLU, nn.Hardtanh, nn.ReLU6)
    return not any(isinstance(m, kinked) for m in net.module.modules())


def in_double(obs: Observation) -> Observation:
    """The same observation for a search in double precision; the message keeps the rounding that it arrived with."""
    double = lambda leaf: leaf.double()  # noqa: E731
    net = dataclasses.replace(obs.net, module=copy.deepcopy(obs.net.module).double(), params=map_tree(double, obs.net.params))
    numbers = lambda tree: map_tree(lambda leaf: leaf.double() if leaf.is_floating_point() else leaf, tree)  # noqa: E731
    template = dataclasses.replace(obs.template, inputs=numbers(obs.template.inputs), targets=numbers(obs.template.targets))
    return dataclasses.replace(obs, net=net, message=map_tree(double, obs.message), template=template)


@dataclasses.dataclass(eq=False)
class Watch:
    """Looks at every evaluation of every start: keeps the best, reports, and ends a start that is done, diverged or unwanted.

    Args:
        progress: told of every evaluation.
        steps: evaluations per start.
        tolerance: matching loss at which the search is over.
        unmatched: matching loss above which the message was not reproduced.
        starts: at most, as far as that is known.
    """

    progress: Progress
    steps: int
    tolerance: float = 0.0
    unmatched: float = UNMATCHED
    starts: int = 1
    best_loss: float = math.inf
    best: Batch | None = None
    trace: list[tuple[int, float]] = dataclasses.field(default_factory=list)
    remarks: list[str] = dataclasses.field(default_factory=list)
    stopped: bool = False
    start: int = -1
    gave_up: bool = False  # the present start was stuck or diverged
    _count: int = 0
    _first: float = math.inf
    _own: float = math.inf  # best loss of the present start

    def begin(self) -> None:
        """A new start."""
        self.start, self._count, self._own, self._first, self.gave_up = self.start + 1, 0, math.inf, math.inf, False

    def see(self, loss: float, batch: Batch, shown: Batch | None = None) -> None:
        """One evaluation: its matching loss and the batch that it belongs to (the same one, not the one after the step).

        Raises:
            Enough: this start is over.
        """
        self._count += 1
        number = len(self.trace) + 1
        self.trace.append((number, loss))
        self._first = loss if self._count == 1 else self._first
        if loss < self._own:
            self._own = loss
        if loss < self.best_loss:
            self.best_loss, self.best = loss, batch.at(batch.private.detach().clone(), batch.label.detach().clone())
        picture = (shown or self.best or batch).private.detach()
        if not self.progress(Step(number, max(self.starts, self.start + 1) * self.steps, loss, picture, self.start)):
            self.stopped = True
            raise Enough
        self._judge(loss)

    def _judge(self, loss: float) -> None:
        if not math.isfinite(loss) or (self._count > 1 and loss > BLOWN_UP * self._first):
            self._give_up(f"diverged at step {self._count}")
        if self._own <= self.tolerance or self._count >= self.steps:
            raise Enough

    def _give_up(self, why: str) -> None:
        self.gave_up = True
        self.remarks.append(f"start {self.start + 1} {why}")
        raise Enough

    def ask(self) -> None:
        """Within a long step: whether to go on; counts as no evaluation.

        Raises:
            Enough: the search is to stop.
        """
        if self.best is not None and not self.progress(
            Step(len(self.trace), (self.start + 1) * self.steps, self.best_loss, self.best.private.detach(), self.start)
        ):
            self.stopped = True
            raise Enough

    def end(self) -> None:
        """The present start is over by itself; if it got no better long before its steps were used up, it was stuck."""
        if not self.stopped and not self.gave_up and self._count < self.steps and self._own > self.unmatched:
            self.gave_up = True
            self.remarks.append(f"start {self.start + 1} got stuck at a matching loss of {self._own:.1e} after {self._count} steps")

    def verdict(self, obs: Observation) -> Reconstruction:
        """The best answer, with what there is to say about the search."""
        remarks = list(self.remarks)
        failed = not self.best_loss <= self.unmatched
        if self.stopped:
            remarks.append("stopped on request")
        elif failed and math.isfinite(self.best_loss):
            remarks.append(
                f"not converged: the best matching loss is {self.best_loss:.1e}, so the message was not reproduced (a stuck search, or a message that noise or a defense has altered)"
            )
        elif self.tolerance and CLOSE < self.best_loss < math.inf:
            remarks.append(f"the search ended at a matching loss of {self.best_loss:.1e}, not exact")
        note = "; ".join(remarks)
        note = note[:1].upper() + note[1:] + "." if note else ""
        best = self.best
        if best is None or not torch.isfinite(best.private).all():
            best = obs.template.at(obs.grey)
        image = best.private.clamp(*obs.bounds)
        return Reconstruction(best.at(image), self.best_loss, tuple(self.trace), note, failed and not self.stopped, self.stopped)


def search(obs: Observation, watch: Watch, restarts: int, attempt: Callable[[], None], every: bool = True) -> Reconstruction:
    """Attempt up to `restarts` starts; the watch's best, by matching loss, is the answer. The truth plays no part anywhere.

    Args:
        obs: what the attacker sees.
        watch: sees every evaluation.
        restarts: most starts.
        attempt: runs one start until it ends or the watch has seen enough.
        every: make all starts; False makes another one only after a start that was stuck or diverged.
    """
    watch.starts = restarts
    for _ in range(restarts):
        watch.begin()
        try:
            attempt()
        except Enough:
            pass
        watch.end()
        if watch.stopped or not (every or watch.gave_up):
            break
    return watch.verdict(obs)
