"""Inverting gradients: match the direction of the gradient, and prefer smooth pictures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.types import Knowledge
from ._base import Attack
from ._descent import match_direction

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress, Reconstruction


@dataclasses.dataclass(frozen=True)
class InvertingGradients(Attack):
    """Cosine distance plus total variation, Adam on the sign of the gradient, pictures kept inside [0, 1].

    Blind to the message's length, so clipping does not trouble it. Made for nets with ReLU. The default weight of the total variation
    is small: a larger one makes the picture worse after some hundred steps. Cost: one double backward pass per step.
    """

    name: ClassVar[str] = "inverting_gradients"
    title: ClassVar[str] = "Inverting gradients"
    paper: ClassVar[str] = "geiping2020inverting"

    steps: int = knob(500, "steps per start", low=1, high=100_000, unit="steps")
    restarts: int = knob(1, "starts; the best is chosen by the matching loss", low=1, high=50)
    lr: float = knob(
        0.1,
        "Adam's learning rate at the start; a tenth of it from 3/8, 5/8 and 7/8 of the steps on, each time",
        low=1e-5,
        high=10.0,
        log=True,
    )
    tv: float = knob(1e-4, "weight of the total variation", low=0.0, high=10.0, log=True)

    def wants(self) -> Knowledge:
        """Labels."""
        return Knowledge(labels=True, batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The pictures with the least cosine distance of all starts."""
        return match_direction(obs, rng, progress, self.steps, self.restarts, self.lr, self.tv)
