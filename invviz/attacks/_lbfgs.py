"""Gradient matching with L-BFGS, shared by the attacks that differ only in what they know of the labels."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.types import Batch
from ._base import Attack, Unreadable
from ._fit import Fit
from ._masked_map import GREY, Likely, behind_mask
from ._matching import UNMATCHED, Watch, in_double, is_smooth, rounding, search
from ._misfit import misfit
from ._newton import Newton
from ._priors import smoothness
from ._space import Space

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Observation, Progress, Reconstruction

    Evaluate = Callable[[Tensor], tuple[Tensor, Batch]]

HISTORY = 100
PATIENCE = 60  # evaluations without an improvement of 1 % after which the memory is emptied
SMALLEST_STEP = 0.1
THOROUGH, TIMES = (
    1000,
    3,
)  # steps from which a search is no quick look: behind a mask it may take a product for every pixel then, up to so many times its steps


class _Flat(Exception):
    """The search no longer gets better from here with this memory."""


@dataclasses.dataclass(frozen=True)
class LBFGSMatching(Attack):
    """Knobs of a search with L-BFGS."""

    behind_masks: ClassVar[int] = 2  # 1: stopped short where the message says all, and took fewer products

    steps: int = knob(1000, "most evaluations of the matching loss per start", low=1, high=100_000, unit="steps")
    restarts: int = knob(
        3,
        "most starts; another one is made only when the last was stuck or diverged, the best is chosen by the matching loss",
        low=1,
        high=50,
    )
    space: str = knob(
        "frequencies", "coordinates of the search: frequencies (low ones scaled up) or plain pixels", choices=("frequencies", "pixels")
    )
    tolerance: float = knob(1e-8, "relative matching loss at which the search ends", low=0.0, high=1.0, log=True)

    def match(self, obs: Observation, rng: Generator, progress: Progress, known: Tensor | None) -> Reconstruction:
        """Search for the batch; `known` are its labels, shape (b,), or None to search for them too."""
        received, given = obs, obs.template.private
        smooth = is_smooth(obs.net)
        obs = in_double(obs) if smooth else obs
        like = obs.template.private
        space = Space.of(self.space, like, obs.bounds)
        loss_of, weight, truth = misfit(obs)
        watch = Watch(progress, self.steps, 0.0 if weight else self.tolerance, max(UNMATCHED, 2 * truth))
        likely = self._masked_map(obs, known, watch)
        watch.tolerance = 0.0 if likely else watch.tolerance  # a prior weighs on the loss: it ends where it can fall no more

        def attempt() -> None:
            if likely is not None and watch.start != 1:  # the second start, made where the first is stuck, goes without a prior
                likely.descend(likely.start(rng, GREY if watch.start == 0 else 1.0))
                return
            plainly(space.start(rng, like))

        def plainly(pixels: Tensor) -> None:
            logits = pixels.new_zeros(0 if known is not None else len(like) * obs.num_classes)

            def evaluate(v: Tensor) -> tuple[Tensor, Batch]:
                image = space.picture(v[: like.numel()].view(like.shape))
                label = known if known is not None else v[like.numel() :].view(len(like), -1).softmax(1)
                batch = obs.template.at(image, label)
                loss = loss_of(obs.simulate(batch))
                # with known noise the most likely picture is searched for, not the one that fits the noise
                return (loss + weight * smoothness(image, space.middle) if weight else loss), batch

            lbfgs(torch.cat([pixels.flatten(), logits]), evaluate, watch, smooth)

        found = search(obs, watch, self.restarts, attempt, every=False)
        if likely is not None and likely.determined and watch.best is not None and not found.stopped:
            best = watch.best  # nothing is left open for a prior to say: the message has the last word
            if smooth and like.numel() <= self.steps:  # at kinks its steps are wrong; of more pixels its matrix is dearer than all else
                found = search(obs, watch, 1, lambda: self._to_rounding(received, best, watch), every=False)
            else:
                watch.tolerance = self.tolerance
                found = search(obs, watch, 1, lambda: plainly(space.coordinates(best.private.to(like))), every=False)
        if likely is not None and not (found.failed or found.stopped):
            found = dataclasses.replace(found, note=likely.said(found.note))
        return dataclasses.replace(found, batch=found.batch.at(found.batch.private.to(given.dtype)))

    def _to_rounding(self, obs: Observation, best: Batch, watch: Watch) -> None:
        """Gauss-Newton from the best so far until nothing of the message is left to explain.

        Raises:
            Enough: the watch has seen enough.
        """
        fit, rough = Fit.of(in_double(obs), best.label), Fit.of(obs, best.label)
        watch.tolerance = rounding(obs.message) ** 2
        Newton(fit, rough, watch, TIMES * self.steps, fit.coordinates(best.private.to(fit.target))).descend(coarse=False)

    def _masked_map(self, obs: Observation, known: Tensor | None, watch: Watch) -> Likely | None:
        """The search under a prior behind a mask; None elsewhere, and where labels are searched for too."""
        if known is None or not behind_mask(obs):
            return None
        wanted = min(obs.template.private.numel(), TIMES * self.steps) if self.steps >= THOROUGH else 0
        try:
            return Likely.of(obs, known, watch, max(self.steps, wanted))
        except Unreadable:
            return None


def lbfgs(start: Tensor, evaluate: Evaluate, watch: Watch, smooth: bool) -> None:
    """L-BFGS from `start`; whenever it gives up or gets no better, it begins again from its best with an empty memory and half the step.

    Args:
        start: the first point, any length.
        evaluate: gives what is minimised and the batch that it belongs to.
        watch: sees every evaluation.
        smooth: the net has no kinks, at which a line search (strong Wolfe) would give up; without one, steps have the optimiser's own length.

    Raises:
        Enough: the watch has seen enough.
    """
    best, lowest, since, step = start, float("inf"), 0, 1.0
    while step >= SMALLEST_STEP:
        v = best.clone().requires_grad_()
        before, since = lowest, 0

        def closure(v: Tensor = v) -> Tensor:
            nonlocal best, lowest, since
            loss, batch = evaluate(v)
            (v.grad,) = torch.autograd.grad(loss, v)
            value = float(loss.detach())
            since = 0 if value < 0.99 * lowest else since + 1
            if value < lowest:
                best, lowest = v.detach().clone(), value
            watch.see(value, batch)
            if since >= PATIENCE:
                raise _Flat
            return loss.detach()

        optimiser = torch.optim.LBFGS(
            [v],
            lr=step,
            max_iter=10**9,
            max_eval=10**9,
            tolerance_grad=0,
            tolerance_change=0,
            history_size=HISTORY,
            line_search_fn="strong_wolfe" if smooth else None,
        )
        try:
            optimiser.step(closure)
        except _Flat:
            pass
        if lowest > 0.99 * before:
            step /= 2
