"""Horizontal federated learning as clients run it: the gradient of a net in training mode."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.gradient import gradient
from ..core.training_mode import batch_statistics, enough_numbers, in_training_mode, norms
from ._base import Protocol

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Batch, Net, Tree
    from ..models import Model, Shape


@dataclasses.dataclass(frozen=True)
class HFLTraining(Protocol):
    """Each client sends the gradient of one step in training mode: batch norm uses the batch's own mean and variance.

    `hfl` computes in inference mode, which is easier to invert: there the attacker knows the normalisation, here it depends on the private batch. With statistics='sent'
    what the step changed of batch norm's running mean and variance goes along (before minus after, as `hfl` sends weights after several steps), as FedAvg does that
    averages whole states; with 'kept' each client keeps its own, as FedBN does (li2021fedbn). Dropout is the defense of that name, on top of this.
    """

    name: ClassVar[str] = "hfl_training"
    title: ClassVar[str] = "Horizontal FL, net in training mode"
    paper: ClassVar[str] = "valadi2025feasibility"
    training_mode: ClassVar[bool] = True

    statistics: str = knob(
        "sent",
        "batch norm's running mean and variance: what the step changed of them is sent along, or the client keeps them",
        choices=("sent", "kept"),
    )

    @property
    def sends_statistics(self) -> bool:
        """Whether the running statistics go along."""
        return self.statistics == "sent"

    def message(self) -> str:
        """The gradient, and the statistics where they are sent."""
        return "the gradient of the loss in training mode" + (" and batch norm's running statistics" if self.sends_statistics else "")

    def problems(self, model: Model, shape: Shape) -> list[str]:
        """A net on which training mode changes nothing."""
        if not model.batch_norm:
            return [
                f"{self.name} differs from hfl in batch norm only, and {model.text()} has none. Use model=preact or resnet18, or protocol=hfl "
                "(with defense=dropout for the dropout of training mode)."
            ]
        return super().problems(model, shape)

    def release(self, net: Net, batch: Batch, rng: Generator | None) -> Tree:
        """The gradient by every parameter; `LAYER.running_mean` and `LAYER.running_var`, before minus after the step, where they are sent.

        Raises:
            InvvizError: a batch-norm layer meets one number per channel.
        """
        with enough_numbers():
            message = gradient(in_training_mode(net), net.params, batch)
        return {**message, **_changes(net, batch)} if self.sends_statistics else message


def _changes(net: Net, batch: Batch) -> dict[str, Tensor]:
    """Momentum * (running - batch), with the unbiased variance, as PyTorch moves its buffers; found in a forward pass of its own, outside of the gradient's transform."""
    found, counts = batch_statistics(net, batch)
    changes = {}
    for name, layer in norms(net.module).items():
        mean, variance = found[name]
        unbiased = variance * (counts[name] / (counts[name] - 1))
        changes[f"{name}.running_mean"] = layer.momentum * (layer.running_mean - mean)  # type: ignore[operator]
        changes[f"{name}.running_var"] = layer.momentum * (layer.running_var - unbiased)  # type: ignore[operator]
    return changes
