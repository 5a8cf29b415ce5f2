"""Model inconsistency: the victim gets the honest net, all others one that makes their gradients vanish, so that the sum is the victim's."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.types import Net
from ._planter import Planter, copied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

    from ..core.types import World


@dataclasses.dataclass(frozen=True)
class Inconsistent(Planter):
    """Sends the victim the honest net and all other clients of a sum one whose gradient is zero but for the last layer's bias.

    Suppression: weight and bias of the last two layers are zero, so nothing comes back through the last one, and nothing but act(0) = 0 comes into it. Dead ReLU: the layer
    before the last has weights 0 and biases -1, and its ReLU passes nothing, either way. The sum is then the victim's gradient, to rounding, everywhere but in the last
    bias; behind a residual connection or a pooling of other features everywhere but in the last layer. [P] (key pasquini2022eluding). Clients who compare
    their nets notice (hash).
    """

    name: ClassVar[str] = "inconsistent"
    title: ClassVar[str] = "Inconsistent nets (eluding secure aggregation)"
    paper: ClassVar[str] = "pasquini2022eluding"
    attack: ClassVar[str] = "inverting_gradients"
    needs_first_relu: ClassVar[bool] = True

    way: str = knob(
        "suppression",
        "how others are silenced: the last two layers are zero, or the ReLU before the last layer is dead",
        choices=("suppression", "dead_relu"),
    )

    def problems(self, shape: tuple[int, ...], num_classes: int, batch: int, clients: int) -> list[str]:
        """Nobody to silence."""
        if clients > 1:
            return []
        return [
            f"{self.name} silences the other clients of a sum, and the server sees the victim's message alone. Use aggregation=secure, or server=honest."
        ]

    def planted(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The very net for the victim, and one other for everybody else."""
        silent = copied(net)
        layers = [m for m in silent.modules() if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d))][-2:]
        with torch.no_grad():
            for layer in layers if self.way == "suppression" else layers[:1]:
                layer.weight.zero_()
                if layer.bias is not None:
                    layer.bias.fill_(0.0 if self.way == "suppression" else -1.0)
        return (net, *[Net.of(silent, net.task)] * (clients - 1))
