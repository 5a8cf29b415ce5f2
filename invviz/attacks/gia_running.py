"""Batch statistics read off batch norm's running ones, before and after the client's step."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import torch
from ..core.training_mode import batch_statistics, norms
from ..core.types import Knowledge
from ._batch_norm import StatisticsMatching

if TYPE_CHECKING:
    from torch import Generator

    from ..core.training_mode import Statistics
    from ..core.types import Observation


@dataclasses.dataclass(frozen=True)
class GIARunning(StatisticsMatching):
    """Inverting gradients, with the batch's mean and variance in every batch-norm layer, which running statistics that are sent give away.

    PyTorch keeps running = (1 - m) running + m batch, with the unbiased variance: from before and after one step follows the batch's own, exactly. The cosine of the
    gradient, total variation and the statistics are matched together by Adam on signs. Ours: the weights of the three terms, and that the start is chosen by the cosine alone.
    """

    name: ClassVar[str] = "gia_running"
    title: ClassVar[str] = "Gradient and sent batch-norm statistics"

    def wants(self) -> Knowledge:
        """Labels, and running statistics before and after."""
        return Knowledge(labels=True, batch_size=True, bn_statistics=True)

    def targets(self, obs: Observation, rng: Generator) -> tuple[Statistics, str]:
        """From the message; the counts n of every layer are those of pictures of this size."""
        return recovered(obs)


def recovered(obs: Observation) -> tuple[Statistics, str]:
    """The batch's mean and variance (divided by n) of every layer, from the changes of the running ones; what was not sent is NaN.

    mean = before - change / m, and likewise the unbiased variance, which is multiplied by (n - 1) / n.

    Returns:
        The statistics, and what there is to say; none where the message holds none.
    """
    names = norms(obs.net.module)
    wanted = [f"{name}.{kind}" for name in names for kind in ("running_mean", "running_var")]
    if not names or not all(leaf in obs.message for leaf in wanted):
        return {}, "The message holds no running statistics of batch norm: the gradient alone was matched."
    with torch.no_grad():
        counts, found, odd = batch_statistics(obs.net, obs.template)[1], {}, 0
    for name, layer in names.items():
        pair = []
        for kind in ("running_mean", "running_var"):
            change = obs.message[f"{name}.{kind}"]
            value = getattr(layer, kind) - change / layer.momentum  # type: ignore[operator]
            if obs.seen is not None and f"{name}.{kind}" in obs.seen:
                value = torch.where(obs.seen[f"{name}.{kind}"] > 0, value, torch.nan)
            pair.append(value)
        variance = pair[1] * ((counts[name] - 1) / counts[name])
        odd += int((variance < 0).sum())
        found[name] = (pair[0], variance.clamp(min=0))
    note = f"{odd:,} variances came out negative: something has altered the statistics." if odd else ""
    return found, note
