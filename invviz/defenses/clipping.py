"""Clipping the norm of the message."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.tree import map_tree
from . import _numpy
from ._base import Defense, Suggested
from ._clip import length, share_kept
from ._noise import Noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Size, Tree, World


@dataclasses.dataclass(frozen=True)
class Clipping(Defense):
    """Shrinks the message to at most a given Euclidean norm: m' = m min(1, c / ||m||).

    Alone it hides only the length of the message; it is made to be combined with noise. Relative to the message's own norm the factor
    is a constant, so the Jacobian is scaled; against a fixed norm the radial direction of the Jacobian is lost as well (theory T6).
    """

    name: ClassVar[str] = "clipping"
    title: ClassVar[str] = "Clipping"
    paper: ClassVar[str] = "abadi2016dpsgd"
    strength: ClassVar[str] = "clip_norm"
    identity: ClassVar[Value] = 1e6
    level_words: ClassVar[str] = "clipped to a norm of {v}"
    off_words: ClassVar[str] = "off"
    relative_words: ClassVar[str] = "{p} of the message's norm"
    suggested: ClassVar[Suggested] = Suggested(compared=((40, 1.0),), levels=(1.0, 0.1, 0.01))
    scales: ClassVar[bool] = True
    on_update: ClassVar[Callable[..., Any] | None] = staticmethod(_numpy.clipping)

    clip_norm: float = knob(
        1.0,
        "largest Euclidean norm that is sent, in the message's own units; relative=True: as a share of this message's norm",
        low=1e-6,
        high=1e6,
        log=True,
    )
    relative: bool = knob(False, "True: clip to a share of this message's own norm (1 and more change nothing)")

    def wrap(self, inner: Release, world: World) -> Release:
        """Clip after the inner release."""

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            shrink = min(1.0, self.clip_norm) if self.relative else (self.clip_norm / length(message)).clamp(max=1.0)
            return map_tree(lambda leaf: leaf * shrink, message)

        return release

    @property
    def linear(self) -> bool:
        """A share of the message's own norm is one factor for all messages."""
        return self.off or self.relative

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """The factor that shrinks the message shrinks its noise."""
        return Noise(passes=share_kept(size, self.clip_norm, self.relative))
