"""What a server that is not honest notes of a net that it planted: how to read what comes back. Clients never see it."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from .batch import Batch
    from .types import Tree

GOLDEN = (3 - 5**0.5) / 2  # of the way from one public value to the next: where thresholds lie


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """Notes on a planted net.

    Attributes:
        kind: which read-out understands it (`Attack.reads`).
    """

    kind: ClassVar[str] = ""

    def expected(self, batch: int, clients: int = 1) -> float:
        """The share of a batch of so many samples that is expected to be open to an exact read-out, before any attack; NaN where nothing tells it.

        Args:
            batch: samples of the victim.
            clients: whose messages are seen as one sum.
        """
        return math.nan


@dataclasses.dataclass(frozen=True, eq=False)
class Bins(Plan):
    """A layer all rows of which measure the same of a sample, each with another threshold.

    Attributes:
        weight, bias: names of its parameters, (rows, columns) and (rows,). With twins the second half of the rows repeats the first, and passes on along another direction.
        cumulative: a row is active above its threshold; False: between its threshold and the next.
        twins: whether there are twins.
        counts: public samples in each bin.
        columns: of the victim in the weight; None: all.
        ones: of those columns, that of a constant 1 beside the sample, whose entries stand in the place of the bias's where other clients' biases are summed into that;
            None: the bias's.
        rows: of the layer that are bins, from the first on; None: all.
        decode: from what the columns hold to samples, (n, columns) to (n, ...); None: they are the sample.
    """

    kind: ClassVar[str] = "bins"

    weight: str
    bias: str
    cumulative: bool
    twins: bool
    counts: tuple[int, ...]
    columns: slice | None = None
    ones: int | None = None
    rows: int | None = None
    decode: Callable[[Tensor], Tensor] | None = None

    def expected(self, batch: int, clients: int = 1) -> float:
        """The share that is expected to be alone in its bin, before any attack: among the samples of all clients of a sum, but where each has columns of its own."""
        return expected_alone(self.counts, batch * (1 if self.columns is not None else clients))


@dataclasses.dataclass(frozen=True, eq=False)
class Neurons(Plan):
    """A fully connected first layer each row of which few samples activate.

    Attributes:
        weight, bias: names of its parameters, (rows, inputs) and (rows,).
        share: of a batch that is expected to activate some row alone, before any attack, by batches of public samples; NaN where there were too few.
    """

    kind: ClassVar[str] = "neurons"

    weight: str
    bias: str
    share: float

    def expected(self, batch: int, clients: int = 1) -> float:
        """`share`, of batches of the size that the server knew."""
        return self.share


@dataclasses.dataclass(frozen=True, eq=False)
class Single(Plan):
    """A net that makes one sample of a batch all, or most, of the message.

    Attributes:
        trusted: names of the parameters whose gradient is that sample's.
        label: its class; where any may be, one of those.
        counts: entry of the last bias whose gradient tells how many such samples there are, and its sign; None where none does.
        share: of a batch's loss that one such sample is expected to be, by public samples; NaN where that was not measured.
    """

    kind: ClassVar[str] = "single"

    trusted: tuple[str, ...]
    label: int
    counts: tuple[int, int] | None = None
    share: float = float("nan")


@dataclasses.dataclass(frozen=True, eq=False)
class Classes(Plan):
    """A net whose scores are the same for every sample, so that the last layer's gradient holds what each class sent into it.

    Attributes:
        weight, bias: names of its parameters, (classes, features) and (classes,).
        decode: from features to samples, (n, features) to (n, ...).
    """

    kind: ClassVar[str] = "classes"

    weight: str
    bias: str
    decode: Callable[[Tensor], Tensor]


@dataclasses.dataclass(frozen=True, eq=False)
class Decoder(Plan):
    """A net that its owner trained by a server's answers to send what that server's encoder would.

    Attributes:
        decode: from a message to samples, (n, ...), inside their bounds.
        simulate: the message of a batch by the server's own encoder.
        errors: (training round, mean squared error of the decoder on public samples); empty where no round was answered.
        public: public samples that it was trained on.
    """

    kind: ClassVar[str] = "decoder"

    decode: Callable[[Tree], Tensor]
    simulate: Callable[[Batch], Tree]
    errors: tuple[tuple[int, float], ...]
    public: int


def expected_alone(counts: Sequence[int], batch: int) -> float:
    """The share of a batch that is expected to be alone in its bin, before any attack: the mean over batches and over draws of the public samples.

    Of n public values, which leave n + 1 gaps of a mean mass of 1 / (n + 1), a bin that holds a of them spans a - 1 whole gaps and parts u and 1 - u of two, as every threshold cuts a gap
    at the same place. Its mass p has mean a / n and in units of a gap's variance a' - 2 u (1 - u), a' = a (n + 1) / n; it is taken for a Beta variable of that mean and variance, with which E[p (1 - p)^(batch - 1)] is
    closed form. The share alone is the sum of that over bins, whatever the law of what is measured. That needs private samples of the same law as the public ones.

    Args:
        counts: public values in each bin.
        batch: samples that share the bins.
    """
    public, share = sum(counts), 0.0
    beta = lambda x, y: math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)  # noqa: E731
    for count in filter(None, counts):
        if count == public:  # all in one bin
            return float(batch == 1)
        gaps = count * (public + 1) / public
        alpha = gaps**2 / (gaps - 2 * GOLDEN * (1 - GOLDEN))
        rest = alpha * (public / count - 1)
        share += math.exp(beta(alpha + 1, rest + batch - 1) - beta(alpha, rest))
    return share
