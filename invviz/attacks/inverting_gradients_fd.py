"""Inverting gradients with finite differences in place of second derivatives."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.gradient import finite_differences
from ..core.tree import norm
from .inverting_gradients import InvertingGradients

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress, Reconstruction


@dataclasses.dataclass(frozen=True)
class InvertingGradientsFD(InvertingGradients):
    """Inverting gradients at two thirds of the cost of a step on deep nets: its slope is the difference of two first derivatives.

    Only the sign of the slope is used, so a few right digits are enough for most of the way; near the end, where slopes are small, it stays behind the exact one. Where a
    gradient is taken inside of a transform (per sample, several local steps) second derivatives are used as ever.
    """

    name: ClassVar[str] = "inverting_gradients_fd"
    title: ClassVar[str] = "Inverting gradients, finite differences"
    needs_gradient: ClassVar[bool] = True

    difference: float = knob(1e-4, "how far the weights are moved for a difference, as a share of their norm", low=1e-6, high=0.5, log=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The pictures with the least cosine distance of all starts."""
        with finite_differences(self.difference * float(norm(obs.net.params))):
            return super().reconstruct(obs, rng, progress)
