"""Robbing the Fed: a layer in front of the net that sorts the samples of a batch into bins, whose gradient holds each sample that is alone in one."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.planted import Bins
from ..core.types import Net
from ._bins import binning, counts, measuring
from ._planter import Planter, in_front, thresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

    from ..core.types import World

MOST = 30_000_000  # weights in the planted layer


@dataclasses.dataclass(frozen=True)
class Imprint(Planter):
    """A linear layer in front of any net, all rows of which measure the same of a sample, each with another threshold; what passes on is the sample, nearly as it was.

    For z_k = h x - q_k and a batch, dL/dW_k = sum_i delta_ik x_i over the samples that make row k active. All rows pass on along one vector, so delta_ik is the same for each of
    them, and (dW_k - dW_k+1) / (db_k - db_k+1) is the sample between two thresholds (cumulative, ReLU); sparse rows are active between their threshold and the next alone, and
    dW_k / db_k is (hardtanh). A sample is read exactly if and only if it is alone in its bin and the loss still depends on what its row passes on (delta not 0; one step, or a
    layer that has not moved by a bin); of several in one bin it is their mean, weighted by delta. [P] (key fowl2022robbing). Ours: thresholds at quantiles
    of public samples; the sample is added to what the layer passes on, so that training goes on; that goes through two numbers, which is the same map with fewer weights;
    twin rows, which pass on along another vector: both show the same sample if and only if one is in the bin.
    """

    name: ClassVar[str] = "imprint"
    title: ClassVar[str] = "Imprint layer (Robbing the Fed)"
    paper: ClassVar[str] = "fowl2022robbing"
    attack: ClassVar[str] = "bins"
    plan: ClassVar[str] = "bins"
    first_layer: ClassVar[str] = "linear"
    uses_public: ClassVar[bool] = True
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row")

    bins: int = knob(256, "bins that samples are sorted into", low=2, high=4096, unit="bins")
    layout: str = knob(
        "cumulative",
        "when a row is active: above its threshold, or between it and the next alone",
        choices=("cumulative", "sparse"),
    )
    measure: str = knob("mean", "what rows measure: the mean of all values, or values with random weights", choices=("mean", "random"))
    gain: float = knob(
        100.0,
        "rows are divided by it and multiplied with it behind: what passes on stays the same, and their gradient is louder",
        low=1e-3,
        high=1e6,
        log=True,
    )
    twins: bool = knob(True, "rows twice, to certify bins with one sample; twice the weights")

    def problems(self, shape: tuple[int, ...], num_classes: int, batch: int, clients: int) -> list[str]:
        """Too large a layer, too few bins."""
        inputs, together, found = math.prod(shape), batch * clients, []
        weights = inputs * self.bins * (1 + self.twins)
        if weights > MOST:
            fewer = MOST // (inputs * (1 + self.twins))
            found.append(
                f"{self.name} plants {weights / 1e6:,.0f} million weights for samples of {inputs:,} numbers; at most {MOST / 1e6:.0f} million are taken. "
                + (f"Set bins={fewer} or less{', or twins=False' * self.twins}." if fewer > 1 else "Use smaller pictures.")
            )
        if batch * (1 - 1 / self.bins) ** (together - 1) < 1 < batch:
            found.append(
                f"{self.name} sorts {together:,} samples into {self.bins:,} bins: fewer than one of {batch:,} is expected to be alone in its bin. "
                f"Set bins={together} or more, or lower the batch."
            )
        return found

    def planted(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The same net for everybody."""
        public = world.public.flatten(1).double()
        row = measuring(self.measure, public.shape[1], rng).to(public)
        edges = thresholds(public @ row, self.bins)
        layer = binning(row, edges, public @ row, self.layout == "cumulative", self.twins, self.gain, rng)
        plan = Bins("0.rows.weight", "0.rows.bias", self.layout == "cumulative", self.twins, counts(public @ row, edges))
        return (Net.of(in_front(layer, net), net.task, plan),) * clients
