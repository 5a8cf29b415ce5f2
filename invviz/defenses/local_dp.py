"""Local differential privacy of the whole message."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.tree import map_tree, randn_like
from ..core.types import Size
from . import _numpy
from ._accountant import gaussian_multiplier
from ._base import Defense, Suggested
from ._clip import length, share_kept
from ._noise import Noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World

OFF = 1e6  # the epsilon that stands for no privacy at all


@dataclasses.dataclass(frozen=True)
class LocalDP(Defense):
    """Clips the whole message to a norm and adds just the normal noise that (epsilon, delta) asks for.

    Any two clients' messages then lie at most 2 c apart, c the clip norm, which is the sensitivity of local privacy: whatever the batch was, the server can
    hardly tell it from another one. (Papers that protect a client's presence in a sum use c, half of it.) The noise is that of the analytic Gaussian
    mechanism: the smallest sigma that keeps the promise, also for epsilon above 1 [P].

    The promise is for one release: it fades as releases of the same data add up. With relative_clip=True the clip norm is read off this very message,
    and there is no promise; that is for comparing strengths only.
    """

    name: ClassVar[str] = "local_dp"
    title: ClassVar[str] = "Local differential privacy"
    paper: ClassVar[str] = "balle2018analytic"
    strength: ClassVar[str] = "epsilon"
    identity: ClassVar[Value] = OFF
    level_words: ClassVar[str] = "epsilon = {v}"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(compared=((150, 10.0),), levels=(10000.0, 1000.0, 10.0))
    guarantee: ClassVar[str] = (
        "(epsilon, delta) local differential privacy for one release of one client's whole message, whatever its batch; none with relative_clip=True"
    )
    on_update: ClassVar[Callable[..., Any] | None] = staticmethod(_numpy.local_dp)

    epsilon: float = knob(
        10.0,
        "privacy budget of one release, small = strong; noise is relative to the clip norm; 1,000,000 stands for none: the message is sent as it is",
        low=1e-3,
        high=OFF,
        log=True,
    )
    delta: float = knob(
        1e-5, "probability with which the promise may fail; well below one over the number of people", low=1e-12, high=0.1, log=True
    )
    clip_norm: float = knob(
        1.0,
        "largest Euclidean norm that is sent, in the message's own units; relative_clip=True: as a share of this message's norm",
        low=1e-6,
        high=1e6,
        log=True,
    )
    relative_clip: bool = knob(False, "True: clip to a share of this message's own norm; then there is no formal guarantee")

    def sigma(self, size: Size) -> float:
        """Standard deviation of the noise on every entry, for a message that enters with this size."""
        limit = self.clip_norm * (size.norm if self.relative_clip else 1.0)
        return 0.0 if self.epsilon >= OFF else 2 * limit * gaussian_multiplier(self.epsilon, self.delta)

    def wrap(self, inner: Release, world: World) -> Release:
        """Clip, then noise, after the inner release."""
        if self.epsilon >= OFF:
            return inner

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            shrink = min(1.0, self.clip_norm) if self.relative_clip else (self.clip_norm / length(message)).clamp(max=1.0)
            clipped = map_tree(lambda leaf: leaf * shrink, message)
            if rng is None:
                return clipped
            std = self.sigma(Size.of(message))
            return map_tree(lambda leaf: leaf + std * randn_like(leaf, rng), clipped)

        return release

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """sigma^2 in the message's units; the factor that shrinks the message shrinks noise from before it."""
        passes = 1.0 if self.epsilon >= OFF else share_kept(size, self.clip_norm, self.relative_clip)
        return Noise("gaussian", "size" if self.relative_clip else "", variance=self.sigma(size) ** 2, passes=passes)

    def update_knobs(self) -> dict[str, Value]:
        """The clip norm, and the noise that (epsilon, delta) asks for, as a multiple of the sensitivity."""
        knobs: dict[str, Value] = {"clip_norm": self.clip_norm, "relative_clip": self.relative_clip}
        return {**knobs, "multiplier": gaussian_multiplier(self.epsilon, self.delta)}

    @property
    def promise(self) -> str:
        """None where the clip norm is read off the private batch."""
        return "" if self.relative_clip else super().promise

    @property
    def linear(self) -> bool:
        """A share of the message's own norm is one factor for all messages."""
        return self.off or self.relative_clip

    @property
    def noisy(self) -> bool:
        """Noise after the clipping."""
        return self.epsilon < OFF

    def for_risk(self) -> Defense | None:
        """The clipping alone: noise knobs at their defaults."""
        return None if self.epsilon >= OFF else LocalDP(clip_norm=self.clip_norm, relative_clip=self.relative_clip)
