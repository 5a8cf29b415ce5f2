"""Batch statistics guessed from public pictures."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.training_mode import batch_statistics
from ..core.types import Knowledge
from ._batch_norm import StatisticsMatching

if TYPE_CHECKING:
    from torch import Generator

    from ..core.training_mode import Statistics
    from ..core.types import Observation


@dataclasses.dataclass(frozen=True)
class GIAEstimate(StatisticsMatching):
    """Inverting gradients, with the batch statistics that a batch of public pictures has, as a stand-in for those that the client keeps.

    The private batch has others, the more so the smaller it is: a guess that may help or mislead. Batch norm only (the paper has LayerNorm and others, too).
    """

    name: ClassVar[str] = "gia_estimate"
    title: ClassVar[str] = "Gradient and batch-norm statistics of public pictures"

    proxy: int = knob(64, "public pictures, drawn at random, whose statistics stand in for the batch's", low=2, high=2000, unit="pictures")

    def wants(self) -> Knowledge:
        """Labels and public pictures."""
        return Knowledge(labels=True, batch_size=True, public_data=True)

    def targets(self, obs: Observation, rng: Generator) -> tuple[Statistics, str]:
        """Of the proxy batch, in the net in training mode."""
        if obs.public is None or len(obs.public) < 2:
            return {}, "There are no public pictures: the gradient alone was matched."
        chosen = torch.randperm(len(obs.public), generator=rng)[: self.proxy]
        image = obs.public[chosen.to(obs.public.device)].to(obs.template.private)
        with torch.no_grad():
            return batch_statistics(obs.net, obs.template.at(image))[0], ""
