"""Trap weights (curious abandon honesty): rows so balanced that few samples activate them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._planter import Planter
from ._rows import with_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

    from ..core.types import Net, World


@dataclasses.dataclass(frozen=True)
class TrapWeights(Planter):
    """Sets the weights of a fully connected first layer: a random half of each row is negative, the other half its opposite, a little smaller.

    On values between 0 and 1 such a row is negative in the mean, so few samples activate it, and dW / db of a row that one sample alone activates is that sample (before ReLU,
    with a loss that depends on the row). The architecture stays as it is. [P] (key boenisch2023curious).
    """

    name: ClassVar[str] = "trap_weights"
    title: ClassVar[str] = "Trap weights (curious abandon honesty)"
    paper: ClassVar[str] = "boenisch2023curious"
    attack: ClassVar[str] = "neurons"
    plan: ClassVar[str] = "neurons"
    uses_public: ClassVar[bool] = True
    needs_first_linear: ClassVar[bool] = True
    needs_first_relu: ClassVar[bool] = True
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row")

    scale: float = knob(
        0.97, "the positive half of a row, over the negative: nearer to 1 more samples activate it, best by the data", low=0.0, high=1.5
    )
    sigma: float = knob(0.5, "standard deviation of the weights before their sign", low=1e-3, high=10.0, log=True)

    def planted(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The same net for everybody."""
        rows, inputs = next(iter(net.params.values())).shape
        size = self.sigma * torch.randn(rows, inputs // 2, generator=rng, dtype=torch.float64).abs()
        values = torch.cat([-size, self.scale * size, torch.zeros(rows, inputs % 2, dtype=torch.float64)], 1)
        order = torch.rand(rows, inputs, generator=rng).argsort(1)
        weight = torch.empty_like(values).scatter_(1, order, values).to(world.public)
        return (with_rows(net, weight, weight.new_zeros(rows), world),) * clients
