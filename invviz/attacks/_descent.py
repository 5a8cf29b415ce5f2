"""Inverting gradients: the direction of the message matched by Adam on the sign of the slope, with total variation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.types import Batch
from ._matching import Watch, cosine_slope, search
from ._priors import total_variation_slope
from ._space import Space

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Observation, Progress, Reconstruction, Tree

DROPS = (3 / 8, 5 / 8, 7 / 8)  # shares of the steps after which the learning rate is a tenth of what it was
FIRST, SECOND, TINY = 0.9, 0.999, 1e-8  # Adam's own constants (kingma2015adam)


class SignDescent:
    """Adam on the sign of a slope, with a falling learning rate, inside bounds (geiping2020inverting).

    The same numbers as `torch.optim.Adam` with `MultiStepLR`, whose bookkeeping for one small picture takes a tenth of a matching step.

    Args:
        image: moved in place.
        lr: learning rate at the start.
        steps: after 3/8, 5/8 and 7/8 of these it falls to a tenth.
        bounds: of pixels.
    """

    def __init__(self, image: Tensor, lr: float, steps: int, bounds: tuple[float, float]) -> None:
        self.image, self.lr, self.bounds = image, lr, bounds
        self._drops = [int(steps * part) for part in DROPS]
        self._mean, self._square, self._count = torch.zeros_like(image), torch.zeros_like(image), 0

    def step(self, slope: Tensor) -> None:
        """One step against the signs of `slope`, which is overwritten."""
        signs, lr = slope.sign_(), self.lr * 0.1 ** sum(self._count >= drop for drop in self._drops)
        self._count += 1
        self._mean.lerp_(signs, 1 - FIRST)
        self._square.mul_(SECOND).addcmul_(signs, signs, value=1 - SECOND)
        size = self._square.sqrt().div_((1 - SECOND**self._count) ** 0.5).add_(TINY)
        with torch.no_grad():
            self.image.addcdiv_(self._mean, size, value=-lr / (1 - FIRST**self._count)).clamp_(*self.bounds)


def match_direction(
    obs: Observation,
    rng: Generator,
    progress: Progress,
    steps: int,
    restarts: int,
    lr: float,
    tv: float,
    part: Callable[[Tree], Tree] = dict,
    pull: Callable[[Batch], Tensor] | None = None,
) -> Reconstruction:
    """The pictures whose message has the least cosine distance to the one that came (geiping2020inverting).

    Args:
        obs: what the attacker sees; labels are those of its template.
        rng: of the starts.
        progress: called once a step.
        steps: per start.
        restarts: starts; the best is chosen by the cosine distance.
        lr: learning rate at the start.
        tv: weight of the total variation.
        part: of a message that is matched.
        pull: the slope by the picture of whatever else is wanted of a batch; None where nothing is.
    """
    like = obs.template.private
    space, watch, distance_of = Space.of("pixels", like, obs.bounds), Watch(progress, steps), cosine_slope(part(obs.message))

    def attempt() -> None:
        image = space.picture(space.start(rng, like)).requires_grad_()
        descent = SignDescent(image, lr, steps, obs.bounds)
        while True:
            batch = obs.template.at(image)
            message = part(obs.simulate(batch))
            distance, slopes = distance_of(message)
            felt = [k for k, leaf in message.items() if leaf.requires_grad]
            (slope,) = torch.autograd.grad([message[k] for k in felt], image, [slopes[k] for k in felt])
            slope = slope.add_(total_variation_slope(image.detach()), alpha=tv)
            if pull is not None:
                slope = slope.add_(pull(batch))
            watch.see(float(distance), batch, shown=batch)  # the best by a noisy loss would seem to stand still
            descent.step(slope)

    return search(obs, watch, restarts, attempt)
