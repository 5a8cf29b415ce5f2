"""LOKI: bins under secure aggregation, each client's samples in columns of their own."""

from __future__ import annotations

import copy
import dataclasses
import math
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.planted import Bins
from ..core.types import Net
from ._bins import binning, counts, measuring
from ._planter import Planter, in_front, thresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor, nn

    from ..core.types import World

MOST = 300_000_000  # numbers in the planted layer's messages of all clients together


@dataclasses.dataclass(frozen=True)
class Loki(Planter):
    """A layer of bins behind a convolution that hands each client's picture on in channels of that client alone: the sum over clients keeps them apart.

    Client z's kernels are the identity, times a scale, in its own channels and zero elsewhere, so other clients add nothing to the columns of dW that belong to z, and these
    are read as the bins of `imprint` are, under the same conditions, now within each client. [P] (key zhao2024loki; scale 500 as published). Ours: db is summed over clients, so
    one more channel of each client holds a constant, whose columns of dW stand in db's place (the paper stretches each picture to its range instead). After several
    local steps a picture is read if it is alone over all of them, and rows have either moved by far less than a bin or, after a first large step, are never active again;
    benchmarks/loki.py has what that and float32 leave.
    """

    name: ClassVar[str] = "loki"
    title: ClassVar[str] = "LOKI (bins under secure aggregation)"
    paper: ClassVar[str] = "zhao2024loki"
    attack: ClassVar[str] = "bins"
    plan: ClassVar[str] = "bins"
    first_layer: ClassVar[str] = "convolution"
    uses_public: ClassVar[bool] = True
    modalities: ClassVar[tuple[str, ...]] = ("picture",)

    bins: int = knob(256, "bins that the samples of each client are sorted into", low=2, high=4096, unit="bins")
    layout: str = knob(
        "sparse",
        "when a row is active: above its threshold, or between it and the next alone",
        choices=("cumulative", "sparse"),
    )
    scale: float = knob(500.0, "what pictures are multiplied with before the rows, which are divided by it", low=1.0, high=1e6, log=True)
    gain: float = knob(1.0, "rows are divided by it and multiplied with it behind, as in imprint", low=1e-3, high=1e6, log=True)
    twins: bool = knob(False, "rows twice, to certify bins with one sample; twice the weights")

    def problems(self, shape: tuple[int, ...], num_classes: int, batch: int, clients: int) -> list[str]:
        """Too large a layer, too few bins."""
        inputs, found = math.prod((shape[0] + 1, *shape[1:])) * clients, []
        numbers = inputs * self.bins * (1 + self.twins) * clients
        if numbers > MOST:
            found.append(
                f"{self.name} plants {numbers / clients / 1e6:,.0f} million weights for {clients:,} clients with pictures of {math.prod(shape):,} numbers, each of whom sends as many; "
                f"at most {MOST / 1e6:.0f} million are taken in all. Lower bins or clients, use smaller pictures{', or set twins=False' * self.twins}."
            )
        if batch * (1 - 1 / self.bins) ** (batch - 1) < 1 < batch:
            found.append(
                f"{self.name} sorts {batch:,} samples of a client into {self.bins:,} bins: fewer than one is expected to be alone in its bin. Set bins={batch} or more."
            )
        return found

    def planted(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """One net for each client, the same but for the convolution."""
        shape, public = world.public.shape[1:], world.public.flatten(1).double()
        row = measuring("mean", public.shape[1], rng).to(public)
        edges, plane = thresholds(public @ row, self.bins), math.prod(shape[1:])
        block = torch.cat([row, row.new_zeros(plane)]) / self.scale  # nothing is measured of the constant
        layer = binning(block.repeat(clients), edges, public @ row, self.layout == "cumulative", self.twins, self.gain, rng, len(row))
        channels = shape[0] + 1
        module = in_front(_apart(shape[0], clients, layer), net)
        shared = {id(p): p for name, p in module.named_parameters() if not name.startswith("0.apart.")}
        made = []
        for client in range(clients):
            own: Any = copy.deepcopy(module, dict(shared))
            with torch.no_grad():
                kernels, constant = own[0].apart.weight, own[0].apart.bias
                kernels.zero_()
                constant.zero_()
                for j in range(shape[0]):
                    kernels[client * channels + j, j, 1, 1] = self.scale
                constant[client * channels + shape[0]] = self.scale
            columns = slice(client * channels * plane, (client + 1) * channels * plane)
            plan = Bins(
                "0.binning.rows.weight",
                "0.binning.rows.bias",
                self.layout == "cumulative",
                self.twins,
                counts(public @ row, edges),
                columns,
                ones=shape[0] * plane,
            )
            made.append(Net.of(own, net.task, plan=plan))
        return made


def _apart(channels: int, clients: int, layer: nn.Module) -> nn.Module:
    nn = torch.nn

    class Apart(nn.Module):  # made here, because a module-level class would import torch
        def __init__(self) -> None:
            super().__init__()
            self.apart = nn.Conv2d(channels, clients * (channels + 1), 3, padding=1).double()
            self.binning = layer

        def forward(self, picture: Tensor) -> Tensor:
            return picture + self.binning.passed(self.apart(picture)).view_as(picture)  # type: ignore[operator]

    return Apart()
