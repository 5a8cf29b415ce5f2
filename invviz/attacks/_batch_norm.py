"""Inverting gradients with the statistics of batch norm: what all attacks of that kind share."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.training_mode import batch_statistics
from ._base import Attack
from ._descent import match_direction

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.training_mode import Statistics
    from ..core.types import Batch, Observation, Progress, Reconstruction, Tree


def statistics_distance(found: Statistics, targets: Statistics) -> Tensor:
    """Sum over layers of |mean - target mean| + |variance - target variance|, Euclidean norms over the channels (valadi2025feasibility).

    Entries whose target is NaN were not seen, and are left out.
    """
    total = next(iter(found.values()))[0].new_zeros(())
    for name, pair in targets.items():
        for value, target in zip(found[name], pair, strict=True):
            known = torch.isfinite(target)
            total = total + torch.linalg.vector_norm(value[known] - target[known])
    return total


def gradient_part(tree: Tree) -> Tree:
    """The entries of a message that are gradients by parameters, without running statistics that went along."""
    return {name: leaf for name, leaf in tree.items() if not name.endswith((".running_mean", ".running_var"))}


@dataclasses.dataclass(frozen=True)
class StatisticsMatching(Attack):
    """Inverting gradients, and pictures whose batch statistics are near given ones in every batch-norm layer."""

    paper: ClassVar[str] = "valadi2025feasibility"
    needs_training_mode: ClassVar[bool] = True

    steps: int = knob(300, "steps per start", low=1, high=100_000, unit="steps")
    restarts: int = knob(1, "starts; the best is chosen by the cosine distance of the gradient", low=1, high=50)
    lr: float = knob(
        0.1,
        "Adam's learning rate at the start; a tenth of it from 3/8, 5/8 and 7/8 of the steps on, each time",
        low=1e-5,
        high=10.0,
        log=True,
    )
    tv: float = knob(0.05, "weight of the total variation", low=0.0, high=10.0, log=True)
    bn: float = knob(1e-3, "weight of the distance of the batch statistics, summed over layers", low=0.0, high=100.0, log=True)

    def targets(self, obs: Observation, rng: Generator) -> tuple[Statistics, str]:
        """The statistics that are wanted, and what there is to say about them."""
        raise NotImplementedError

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The pictures with the least cosine distance of all starts; no certificate: other pictures may have the same gradient and statistics."""
        targets, words = self.targets(obs, rng)

        def pull(batch: Batch) -> Tensor:
            apart = statistics_distance(batch_statistics(obs.net, batch)[0], targets)
            return self.bn * torch.autograd.grad(apart, batch.private)[0]

        wanted = pull if targets and self.bn else None
        found = match_direction(obs, rng, progress, self.steps, self.restarts, self.lr, self.tv, gradient_part, wanted)
        return dataclasses.replace(found, note=f"{words} {found.note}".strip())
