"""Quantisation: the message is rounded to few levels."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import map_tree
from ..core.types import Size
from . import _numpy
from ._base import Defense, Suggested
from ._noise import Noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class Quantisation(Defense):
    """Rounds every entry to the nearest of 2^bits - 1 evenly spaced levels, zero among them, between -max|m| and +max|m|.

    One step q for the whole message. Rounding has no useful derivative, so its noise-free part is the message itself and the error
    counts as noise of variance q^2 / 12 (theory T6); that is accurate while entries spread over many levels, not for few bits.
    """

    name: ClassVar[str] = "quantisation"
    title: ClassVar[str] = "Quantisation"
    paper: ClassVar[str] = "alistarh2017qsgd"
    strength: ClassVar[str] = "bits"
    identity: ClassVar[Value] = 32
    level_words: ClassVar[str] = "{v} bits"
    off_words: ClassVar[str] = "not rounded"
    suggested: ClassVar[Suggested] = Suggested(compared=((70, 4),), swept=(8.0, 2.0), levels=(8, 4, 2), victims=("gradient", "embedding"))
    adds_noise: ClassVar[bool] = True
    rounding: ClassVar[bool] = True
    on_update: ClassVar[Callable[..., Any] | None] = staticmethod(_numpy.quantisation)

    bits: int = knob(
        8, "bits an entry is sent with, relative to the message's largest entry; 32 sends it unchanged", low=2, high=32, unit="bits"
    )

    def step(self, size: Size) -> float:
        """Distance q between two levels."""
        return size.peak / (2 ** (self.bits - 1) - 1)

    def wrap(self, inner: Release, world: World) -> Release:
        """Round after the inner release."""

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            if rng is None or self.bits == 32:
                return message
            q = self.step(Size.of(message))
            return message if q == 0 else map_tree(lambda leaf: (leaf / q).round() * q, message)

        return release

    def interval(self, message: Tree) -> tuple[Tree, Tree] | None:
        """Half a step to each side of what came, and nothing beyond the largest entry, which rounding leaves as it was and which so gives q away.

        Wider by what the number format rounds off, so that the true value is always inside.
        """
        if self.bits == 32:
            return None
        size = Size.of(message)
        slack = 4 * max(torch.finfo(leaf.dtype).eps for leaf in message.values()) * size.peak
        half, end = self.step(size) / 2 + slack, size.peak + slack
        return map_tree(lambda leaf: (leaf - half).clamp(min=-end), message), map_tree(lambda leaf: (leaf + half).clamp(max=end), message)

    def traffic(self, entries: float, bits: float, places: float = 0.0) -> tuple[float, float, float]:
        """So many bits an entry; the step is one number more."""
        return entries, bits if self.bits == 32 else min(bits, self.bits), places

    def caveat(self) -> str:
        """Few levels: most entries fall to zero, and the error is no longer like noise."""
        if self.bits >= 8:
            return ""
        return f"With {self.bits} bits the rounding error is not like noise of variance q^2 / 12 (most entries fall to zero), so the risk score is rough."

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """q^2 / 12."""
        return Noise("rounding", "size", variance=0.0 if self.bits == 32 else self.step(size) ** 2 / 12)
