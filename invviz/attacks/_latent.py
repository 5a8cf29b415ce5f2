"""Searching pictures through other numbers: coefficients, latent variables, or the weights of a net that draws them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.tree import without_round
from ..core.types import Batch
from ._lbfgs import lbfgs
from ._matching import UNMATCHED, cosine_distance
from ._misfit import misfit

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Observation, Tree
    from ._lbfgs import Evaluate
    from ._matching import Watch

STARTS = ("mean", "public")
DISTANCES = ("cosine", "squared")
CANDIDATES = 200  # public pictures among which a start is looked for
CHUNK = 20  # of them are simulated at once
LEAST_RATE = 0.01  # of the learning rate, at the end of a search


@dataclasses.dataclass(frozen=True, eq=False)
class Aim:
    """What is minimised: a matching loss plus `weight` times a prior that is written as -2 log of a density."""

    loss: Callable[[Tree], Tensor]
    weight: float
    level: float  # about the matching loss of the truth; 0 where nothing is known to disturb the message
    unmatched: float  # matching loss above which the message was not reproduced


def aim(obs: Observation, distance: str, weight: float) -> Aim:
    """The most likely picture for an attacker who knows noise or rounding; the distance and the weight that were asked for otherwise.

    Args:
        obs: what the attacker sees.
        distance: "cosine", taken for gradients and updates alone since an embedding's length says much, or "squared".
        weight: of the prior where the noise is not known.
    """
    loss, known, truth = misfit(obs)
    if known:
        return Aim(loss, known, truth - known * obs.template.private.numel(), max(UNMATCHED, 2 * truth))
    if distance == "cosine" and not obs.knowledge.defense and {without_round(name) for name in obs.message} <= set(obs.net.params):
        return Aim(lambda message: cosine_distance(message, obs.message), weight, 0.0, UNMATCHED)
    return Aim(loss, weight, 0.0, UNMATCHED)


class _Over(Exception):
    """A phase has used up its steps."""


def descend(
    watch: Watch,
    evaluate: Evaluate,
    start: Tensor,
    steps: int,
    lr: float,
    smooth: bool = False,
    enough: float = 0.0,
    kinks: bool = False,
) -> Tensor:
    """One phase of a search over a vector; its best point.

    Args:
        watch: sees every evaluation; may end the whole start.
        evaluate: gives what is minimised and the batch that it belongs to.
        start: the first point, any length.
        steps: evaluations.
        lr: Adam's learning rate at the start; falls along a cosine.
        smooth: use L-BFGS, which takes no learning rate.
        enough: value at which the phase is over (Adam only).
        kinks: the net has some, at which the line search of L-BFGS would give up.
    """
    best, lowest, count = start.detach(), math.inf, 0

    def seen(v: Tensor) -> tuple[Tensor, Batch]:
        nonlocal best, lowest, count
        if count == steps:
            raise _Over
        value, batch = evaluate(v)
        count += 1
        if float(value.detach()) < lowest:
            best, lowest = v.detach().clone(), float(value.detach())
        return value, batch

    try:
        lbfgs(best, seen, watch, not kinks) if smooth else _adam(watch, seen, best, steps, lr, enough)
    except _Over:
        pass
    return best


def _adam(watch: Watch, evaluate: Evaluate, start: Tensor, steps: int, lr: float, enough: float) -> None:
    v = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([v], lr=lr)
    for step in range(steps):
        value, batch = evaluate(v)
        (v.grad,) = torch.autograd.grad(value, v)
        watch.see(float(value.detach()), batch, shown=batch)
        if float(value.detach()) <= enough:
            raise _Over
        optimiser.param_groups[0]["lr"] = lr * max(LEAST_RATE, 0.5 * (1 + math.cos(math.pi * step / steps)))
        optimiser.step()


def known_pictures(obs: Observation, who: str, least: int = 2) -> Tensor:
    """The public pictures, (n, c, h, w).

    Raises:
        InvvizError: there are fewer than `least`.
    """
    if obs.public is None or len(obs.public) < least:
        raise InvvizError(f"{who} learns from public pictures, and there are none here. Use deep_image_prior, which needs none.")
    return obs.public


def closest(obs: Observation, target: Aim, image: Tensor, public: Tensor, rng: Generator) -> Tensor:
    """Public pictures by whose message the one that came is matched best, chosen place by place in the batch; ours, after conditional starts of generative attacks.

    Args:
        obs: what the attacker sees.
        target: judges messages.
        image: what stands in places that are not chosen yet, (b, c, h, w).
        public: (n, c, h, w); some hundred of them are tried.
        rng: draws them.
    """
    some = public[torch.randperm(len(public), generator=rng)[:CANDIDATES]]
    fit = lambda x: target.loss(obs.simulate(obs.template.at(x)))  # noqa: E731
    for place in range(len(image)):
        tries = image.expand(len(some), *image.shape).clone()
        tries[:, place] = some
        image = tries[int(_each(fit, tries).nan_to_num(math.inf).argmin())]
    return image


def _each(fit: Callable[[Tensor], Tensor], tries: Tensor) -> Tensor:
    """The matching loss of every batch of pictures, shape (n,)."""
    with torch.no_grad():
        try:
            return torch.func.vmap(fit, chunk_size=CHUNK)(tries)
        except RuntimeError:  # a simulated defense that looks at numbers cannot be mapped over many messages
            return torch.stack([fit(one) for one in tries])
