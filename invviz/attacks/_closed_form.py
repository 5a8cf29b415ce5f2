"""Attacks that solve for the picture instead of searching it: how they begin and end, and of what their certificates speak."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import map_tree
from ..core.types import Reconstruction, Step
from ._base import Unreadable
from ._matching import in_double

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ..core.types import Observation, Progress, Tree

BEYOND = 1e-2  # distance from the bounds up to which a pixel is taken to lie at them: rounding alone moves it so far

# of what a certificate speaks: no message tells all that happened to the picture before
WHAT = "this is the picture that the message was computed from, and what a defense changed in it before does not show"


class _Unwanted(Exception):
    """Nobody waits for the answer any more."""


@dataclasses.dataclass(frozen=True, eq=False)
class Solution:
    """What was solved for, and what there is to say about it; `image` is in float64 and inside the bounds."""

    image: Tensor
    loss: float
    note: str
    failed: bool
    steps: int  # reports, with the last one


@dataclasses.dataclass(eq=False)
class Task:
    """A message that is to be solved.

    Attributes:
        obs: what the attacker sees, in float64.
        message: all that came, in float64.
        seen: which of its entries were sent (1 or 0), in float64; None: all, as far as is known.
        rounding: of its entries, relative, as they came.
        label: of the picture, as far as it is known yet.
        progress: as of `Attack.reconstruct`.
    """

    obs: Observation
    message: Tree
    seen: Tree | None
    rounding: float
    label: Tensor
    progress: Progress

    def report(self, number: int, steps: int) -> None:
        """One step on the way, of which there is no picture to show yet.

        Raises:
            _Unwanted: the attack was asked to stop.
        """
        if not self.progress(Step(number, steps, math.inf, self.obs.grey)):
            raise _Unwanted


def solved(obs: Observation, progress: Progress, solve: Callable[[Task], Solution]) -> Reconstruction:
    """The answer that `solve` gives, in the precision of the pictures; grey with a note where it meets an obstacle or was asked to stop."""
    message, like = obs.sent or obs.message, obs.template.private
    double = lambda tree: map_tree(lambda leaf: leaf.double(), tree)  # noqa: E731
    seen = double(obs.seen) if obs.seen and set(obs.seen) == set(message) else None
    rounding = max(torch.finfo(leaf.dtype).eps for leaf in message.values())
    task = Task(in_double(obs), double(message), seen, rounding, obs.template.label, progress)
    try:
        found = solve(task)
    except Unreadable as why:
        return Reconstruction(task.obs.template.at(obs.grey, task.label), math.inf, note=str(why), failed=True)
    except _Unwanted:
        return Reconstruction(task.obs.template.at(obs.grey, task.label), math.inf, note="Stopped on request.", stopped=True)
    image = found.image.to(like.dtype)
    stopped = not progress(Step(found.steps, found.steps, found.loss, image))
    return Reconstruction(task.obs.template.at(image, task.label), found.loss, ((1, found.loss),), found.note, found.failed, stopped)


def changed_before(image: Tensor, bounds: tuple[float, float]) -> str:
    """What speaks against a picture's being the client's own, though it solves all equations: values outside of the bounds. Empty where there are none.

    A defense that puts noise on pictures leaves such values behind; one that keeps inside the bounds does not show.

    Args:
        image: before it was clamped, any shape.
        bounds: of all pictures.
    """
    low, high = bounds
    count = int(((image < low - BEYOND) | (image > high + BEYOND)).sum())
    if not count:
        return ""
    return (
        f"{count:,} of {image.numel():,} values that the message gives lie outside of {low:g} to {high:g} (clamped here), "
        "so the picture was changed before, or the message after"
    )
