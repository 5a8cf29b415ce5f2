"""Fishing: a classification layer in which all samples but one are so sure of their class that their gradients vanish."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.planted import Single
from ..core.types import Net
from ._head import features, last_linear, singling_problems
from ._planter import Planter, copied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

    from ..core.types import World

SHIFT = 1000.0  # by which biases part a class from the others


@dataclasses.dataclass(frozen=True)
class Fishing(Planter):
    """Changes the last layer alone, so that what comes back through it is one sample's.

    Class: rows of all classes but the target's are zero, and their biases are 1,000 above its own. Of a sample of another class nothing comes back (its row is zero, and the target's
    probability is 0); one of the target class sends its whole gradient. Feature: the target's row is one direction of the features with a threshold that one of a batch is expected to
    pass; those above it send their whole gradient, those below nothing, as long as no sample of the target class is among them. By class the last bias's gradient counts the
    samples that do. Under secure aggregation they are those of all clients. [P] (key wen2022fishing). Ours: the count, and the direction, which is the first principal one of public samples.
    """

    name: ClassVar[str] = "fishing"
    title: ClassVar[str] = "Fishing (gradient magnification)"
    paper: ClassVar[str] = "wen2022fishing"
    attack: ClassVar[str] = "singled_out"
    plan: ClassVar[str] = "single"
    uses_public: ClassVar[bool] = True
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row")

    by: str = knob("class", "what singles a sample out: its class, or a feature", choices=("class", "feature"))
    target: int = knob(0, "number of the class: that of the sample, or by feature one that it does not have", low=0, high=999)
    strength: float = knob(300.0, "what the target's row, or the feature, is multiplied with", low=1e-3, high=1e6, log=True)

    def problems(self, shape: tuple[int, ...], num_classes: int, batch: int, clients: int) -> list[str]:
        """A class that there is none of, a batch of one."""
        return singling_problems(self.name, "fishes for", self.target, num_classes, batch * clients)

    def planted(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The same net for everybody.

        Raises:
            InvvizError: the last layer is not fully connected with a bias.
        """
        module = copied(net)
        name, head = last_linear(module)
        row, bias = head.weight[self.target].clone(), -SHIFT
        if self.by == "feature":
            row, bias = self._feature(features(net, world), world.batch_size * clients)
        with torch.no_grad():
            head.weight.zero_()
            head.bias.zero_()
            head.weight[self.target] = row if self.by == "feature" else self.strength / 300 * row
            head.bias[self.target] = bias
        trusted = tuple(key for key in net.params if not key.startswith(name))
        other = (self.target + 1) % len(head.bias)
        counts = (self.target, -1) if self.by == "class" else None  # by feature, samples of the target class count against those above
        plan = Single(trusted, self.target if self.by == "class" else other, counts)
        return (Net.of(module, net.task, plan=plan),) * clients

    def _feature(self, known: Tensor, together: int) -> tuple[Tensor, float]:
        """The target's row and bias: the score is the distance above the threshold, in deviations, times the strength."""
        if len(known) < 2:
            raise InvvizError("fishing by feature takes its threshold from public samples, and there are none here. Set by='class'.")
        centred = known - known.mean(0)
        direction = torch.linalg.svd(centred, full_matrices=False)[2][0]
        along = known @ direction
        top = along.sort().values[-max(1, round(len(along) / together)) :]
        below = along[along < top[0]]
        threshold = (top[0] + below.max()) / 2 if len(below) else top[0]
        scale = self.strength / along.std().clamp(min=1e-12)
        return scale * direction, float(-scale * threshold)
