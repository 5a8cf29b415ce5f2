"""Stochastic quantisation: the message is rounded to few levels, up or down by chance."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.tree import map_tree, rand_like
from ..core.types import Rules, Size
from . import _numpy
from ._base import Defense, Suggested
from ._noise import Noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World

SMALL = (1 - (1 / 3) ** 0.5) / 2  # t (1 - t) = 1/6: a typical entry of this share of a step


@dataclasses.dataclass(frozen=True)
class StochasticQuantisation(Defense):
    """Rounds every entry to one of its two neighbouring levels at random, so that it is right on average (QSGD).

    An entry f steps above a level goes up with probability f: no bias, and an error of variance f (1 - f) q^2. The 2^bits - 1 levels lie evenly, zero among
    them, up to the largest entry, or up to the message's norm as in the paper. The noise-free part is the message itself; the error counts as noise.

    Stated is the mean of f (1 - f) q^2 over entries that spread evenly between their levels, q^2 / 6. Where the typical entry r (root mean square) is below a
    fifth of a step, that would be far too much; then q r - r^2, which no message of that r exceeds (Source: [D], concavity).

    An attacker who knows this defense takes the error for normal noise of that variance: nearer to the truth than the interval of two steps in which an entry
    must have been (CIFAR-10, LeNet, 4 bits: 20 dB against 18 dB) [measured].
    """

    name: ClassVar[str] = "stochastic_quantisation"
    title: ClassVar[str] = "Stochastic quantisation"
    paper: ClassVar[str] = "alistarh2017qsgd"
    strength: ClassVar[str] = "bits"
    identity: ClassVar[Value] = 32
    level_words: ClassVar[str] = "{v} bits"
    off_words: ClassVar[str] = "not rounded"
    suggested: ClassVar[Suggested] = Suggested(levels=(8, 4, 2))
    adds_noise: ClassVar[bool] = True
    on_update: ClassVar[Callable[..., Any] | None] = staticmethod(_numpy.stochastic_quantisation)

    bits: int = knob(8, "bits an entry is sent with, relative to `scale`; 32 sends it unchanged", low=2, high=32, unit="bits")
    scale: str = knob(
        "largest", "where the levels end: at the message's largest entry, or at its Euclidean norm", choices=("largest", "norm")
    )

    @property
    def levels(self) -> int:
        """Levels on each side of zero."""
        return 2 ** (self.bits - 1) - 1

    def step(self, size: Size) -> float:
        """Distance q between two levels."""
        return (size.peak if self.scale == "largest" else size.norm) / self.levels

    def wrap(self, inner: Release, world: World) -> Release:
        """Round after the inner release."""

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            if rng is None or self.bits == 32:
                return message
            q = self.step(Size.of(message))

            def rounded(leaf: Tensor) -> Tensor:
                place = leaf / q
                below = place.floor()
                up = rand_like(leaf, rng) < place - below
                return (below + up).clamp(-self.levels, self.levels) * q

            return message if q == 0 else map_tree(rounded, message)

        return release

    def rules(self, before: Release, message: Tree) -> Rules | None:
        """The levels, where the largest entry, which is one, gives them away."""
        step = self.step(Size.of(message))
        return Rules(before, levels=step) if self.bits < 32 and self.scale == "largest" and step > 0 else None

    def traffic(self, entries: float, bits: float, places: float = 0.0) -> tuple[float, float, float]:
        """So many bits an entry; the step is one number more."""
        return entries, bits if self.bits == 32 else min(bits, self.bits), places

    def caveat(self) -> str:
        """The variance is a mean over entries, and entries do not share it."""
        if self.bits == 32:
            return ""
        return (
            "The rounding error is stated as one variance for all entries: q^2 / 6 (entries spread evenly over the levels), or its upper bound "
            "where most entries are far smaller than a step q. Entries at or near a level (exact zeros) carry less or none, so the risk may be higher than shown."
        )

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """q^2 / 6, or q r - r^2 for a typical entry r far below a step."""
        return Noise("discrete", "size", variance=self._variance(size))

    def _variance(self, size: Size) -> float:
        if self.bits == 32:
            return 0.0
        q = self.step(size)
        return q**2 / 6 if size.rms >= SMALL * q else (q - size.rms) * size.rms
