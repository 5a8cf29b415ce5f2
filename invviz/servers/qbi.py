"""Quantile-based bias initialisation: every row is activated by about one sample of a batch."""

from __future__ import annotations

import dataclasses
import statistics
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._planter import Planter
from ._rows import with_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Generator, Tensor

    from ..core.types import Net, World

GIVE_UP = 500  # rows in a row that help nobody: the next public batch (2,000 in the paper's code, which takes minutes here)
DRAWN = 250  # rows drawn at once


@dataclasses.dataclass(frozen=True)
class QBI(Planter):
    """Gaussian rows in a fully connected first layer, and one bias for all: Phi^-1(1 / batch) sqrt(inputs), with which one sample in a batch activates a row.

    That holds for inputs of mean 0 and deviation 1; the server's scaling of them, by public samples, lies in weight and bias. dW / db of a row that one sample alone
    activates is that sample (before ReLU, with a loss that depends on the row). With pairs, rows are drawn again until one public sample of a batch that no row has yet activates
    them alone. [P] (key nowak2024qbi).
    """

    name: ClassVar[str] = "qbi"
    title: ClassVar[str] = "QBI (bias by quantiles)"
    paper: ClassVar[str] = "nowak2024qbi"
    attack: ClassVar[str] = "neurons"
    plan: ClassVar[str] = "neurons"
    uses_public: ClassVar[bool] = True
    needs_first_linear: ClassVar[bool] = True
    needs_first_relu: ClassVar[bool] = True
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row")

    pairs: bool = knob(False, "PAIRS: rows are drawn again until, of a public batch, one sample that no row has yet activates them alone")

    def problems(self, shape: tuple[int, ...], num_classes: int, batch: int, clients: int) -> list[str]:
        """A batch of one, which every row would be open to."""
        if batch * clients == 1:
            return [
                f"{self.name} sets its bias so that one sample in a batch activates a row; batch is 1. Set batch=2 or more, or use linear_layer."
            ]
        return []

    def planted(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The same net for everybody."""
        rows, inputs = next(iter(net.params.values())).shape
        public, together = world.public.flatten(1).double(), world.batch_size * clients
        shift, scale = public.mean(), public.std().clamp(min=1e-9)
        bias = statistics.NormalDist().inv_cdf(1 / together) * inputs**0.5
        scaled = (public - shift) / scale
        draw = lambda count: torch.randn(count, inputs, generator=rng).to(public)  # noqa: E731
        weight = self._paired(scaled, bias, rows, together, draw) if self.pairs else draw(rows)
        return (with_rows(net, weight / scale, bias - shift / scale * weight.sum(1), world),) * clients

    def _paired(self, public: Tensor, bias: float, rows: int, size: int, draw: Callable[[int], Tensor]) -> Tensor:
        """Rows each of which one sample of a public batch, that none before it has, activates alone; as many as can be, the rest as they come."""
        found, place = list[torch.Tensor](), 0
        while len(found) < rows and (place + 1) * size <= len(public):
            batch = public[place * size : (place + 1) * size]
            have, failures, place = torch.zeros(size, dtype=torch.bool), 0, place + 1
            while len(found) < rows and not have.all() and failures < GIVE_UP:
                fresh = draw(DRAWN)
                active = batch @ fresh.T + bias > 0
                for column in (active.sum(0) == 1).nonzero().flatten():
                    sample = int(active[:, column].nonzero())
                    if not have[sample] and len(found) < rows:
                        have[sample], failures = True, 0
                        found.append(fresh[column])
                failures += DRAWN
        return torch.cat([torch.stack(found), draw(rows - len(found))]) if found else draw(rows)
