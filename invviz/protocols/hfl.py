"""Horizontal federated learning: a client sends its gradient, or what a few local steps changed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.gradient import gradient
from ..core.tree import map_tree
from ._base import Protocol

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Batch, Net, Tree


@dataclasses.dataclass(frozen=True)
class HFL(Protocol):
    """Each client holds whole samples and sends what they say about the parameters.

    One local step sends the gradient of the mean loss (FedSGD). More steps run plain gradient descent on the whole batch and send
    theta_0 - theta_K (FedAvg), differentiated through.
    """

    name: ClassVar[str] = "hfl"
    title: ClassVar[str] = "Horizontal FL (gradient or update)"
    paper: ClassVar[str] = "mcmahan2017fedavg"

    local_steps: int = knob(1, "gradient steps a client takes before it sends; 1 sends the gradient itself", low=1, high=50, unit="steps")
    lr: float = knob(
        0.01,
        "learning rate of the local steps; also moves the net between rounds; else unused when there is one step",
        low=1e-6,
        high=10.0,
        log=True,
    )

    @property
    def sends_gradient(self) -> bool:
        """With one local step."""
        return self.local_steps == 1

    def message(self) -> str:
        """The gradient, or the change of the weights."""
        return "the gradient of the loss" if self.local_steps == 1 else f"what {self.local_steps} local training steps changed"

    def release(self, net: Net, batch: Batch, rng: Generator | None) -> Tree:
        """The gradient, or theta_0 - theta_K."""
        if self.local_steps == 1:
            return gradient(net, net.params, batch)
        params = net.params
        for _ in range(self.local_steps):
            params = map_tree(lambda p, g: p - self.lr * g, params, gradient(net, params, batch))
        return map_tree(lambda start, end: start - end, net.params, params)
