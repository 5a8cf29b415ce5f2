"""Regularised inversion of an embedding: find a smooth picture that has it."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.types import Knowledge
from ._base import Attack
from ._matching import Watch, search
from ._misfit import misfit
from ._priors import total_variation
from ._space import Space

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress, Reconstruction


@dataclasses.dataclass(frozen=True)
class RMLE(Attack):
    """Minimises |f(x') - m|^2 / |m|^2 + tv TV(x') over pictures with Adam (AMSGrad), from grey, for an attacker who knows the bottom net.

    An attacker who knows of rounding or of noise with a shape measures the misfit by it. The paper's search; ours are the division by |m|^2
    and a weight that falls to 0, so that one weight serves every depth, and pictures that are kept inside [0, 1].
    """

    name: ClassVar[str] = "rmle"
    title: ClassVar[str] = "Regularised inversion (rMLE)"
    paper: ClassVar[str] = "he2019inversion"
    needs_embedding: ClassVar[bool] = True

    steps: int = knob(1000, "steps per start", low=1, high=100_000, unit="steps")
    restarts: int = knob(1, "starts; the best is chosen by the matching loss", low=1, high=50)
    lr: float = knob(0.03, "Adam's learning rate; falls in the second half", low=1e-5, high=10.0, log=True)
    tv: float = knob(0.03, "weight of the total variation at the start; falls to 0 along a cosine", low=0.0, high=10.0, log=True)

    def wants(self) -> Knowledge:
        """How many pictures there are."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The picture with the least matching loss of all starts."""
        like = obs.template.private
        judge, *_ = misfit(obs)
        space, watch = Space.of("pixels", like, obs.bounds), Watch(progress, self.steps)

        def attempt() -> None:
            image = space.picture(space.start(rng, like)).requires_grad_()
            optimiser = torch.optim.Adam([image], lr=self.lr, amsgrad=True)
            for step in itertools.count():
                batch = obs.template.at(image)
                error = judge(obs.simulate(batch))
                left = 0.5 * (1 + math.cos(math.pi * min(step / self.steps, 1.0)))  # what smooths at first must not blur in the end
                (image.grad,) = torch.autograd.grad(error + self.tv * left * total_variation(image), image)
                watch.see(float(error.detach()), batch, shown=batch)
                optimiser.param_groups[0]["lr"] = self.lr * min(1.0, max(2 * left, 0.02))
                optimiser.step()
                with torch.no_grad():
                    image.clamp_(*obs.bounds)

        return search(obs, watch, self.restarts, attempt)
