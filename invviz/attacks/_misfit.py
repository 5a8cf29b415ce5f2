"""How badly a simulated message fits the one that came, by what the attacker knows of noise and rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import dot, flatten, numel
from ._matching import squared_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ..core.types import Observation, Tree

SOFT = 0.03  # softness of an interval's ends, of its width; sharper ends fit better and are harder to search (measured: 0.03 to 0.15 are alike)

EPS = 2.0**-52
AT_TRUTH = 0.1  # of `rounding`: entries near the ends of their intervals (measured: 0.04 at 8 and 12 bits)


def misfit(obs: Observation) -> tuple[Callable[[Tree], Tensor], float, float]:
    """How a simulated message is judged by what is known of noise and rounding.

    Returns:
        The loss of a simulated message; the weight of `_priors.smoothness` that makes loss and prior together the most likely picture's; and about what the truth
        itself would come to (0 where nothing disturbs the message).
    """
    count, inputs = numel(obs.message), obs.template.private.numel()
    if obs.interval is not None:
        return rounding(obs.message, *obs.interval), 1 / count, AT_TRUTH + inputs / count
    white = obs.whiten or (lambda message: message)
    target = white(obs.message)
    weight = obs.noise**2 / float(dot(target, target)) if obs.noise else 0.0
    return lambda message: squared_error(white(message), target), weight, weight * (count + inputs)


def rounding(message: Tree, low: Tree, high: Tree) -> Callable[[Tree], Tensor]:
    """-2/p times the log of the chance that every entry, with a little normal noise, lies in its interval; 0 well inside. Source: [D].

    An interval without width (an exact zero whose sign was sent) says nothing of chance: the square of the distance counts there.

    Args:
        message: gives precision and place, and the size that counts where an interval has no end.
        low: ends of the intervals; may be infinite.
        high: likewise.
    """
    like, count = flatten(message).double(), numel(message)  # PyTorch's log_ndtr has no slope far out in single precision
    ends = [flatten(end).to(like) for end in (low, high)]
    width = ends[1] - ends[0]
    some = width[torch.isfinite(width) & (width > 0)]
    soft = SOFT * (some.median() if len(some) else like.square().mean().sqrt()).clamp(min=1e-150)
    far = 1e6 * soft + 10 * like.abs().max()
    low_end, high_end = (torch.nan_to_num(end, posinf=float(far), neginf=-float(far)) for end in ends)

    def loss(simulated: Tree) -> Tensor:
        values = flatten(simulated).double()
        a, b = (low_end - values) / soft, (high_end - values) / soft
        flip = a > 0  # the chance that lies in the thin tail is the one that keeps its digits
        a, b = torch.where(flip, -b, a), torch.where(flip, -a, b)
        below, above = torch.special.log_ndtr(a), torch.special.log_ndtr(b)
        inside = -2 * (above + torch.log1p(-(below - above).clamp(max=-EPS).exp()))
        return torch.where(width > 0, inside, ((values - low_end) / soft).square()).sum() / count

    return loss
