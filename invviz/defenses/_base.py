"""What every defense is: a release made from another release."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import Component, Knob

if TYPE_CHECKING:
    from ..core.component import Value
    from ..core.types import Release, Size, World


@dataclasses.dataclass(frozen=True)
class Defense(Component):
    """A defense wraps a release. `rng=None` asks for its noise-free part, which is what the Jacobian is taken of."""

    strength: ClassVar[str]  # the knob that the slider moves
    identity: ClassVar[Value]  # the strength at which nothing changes
    adds_noise: ClassVar[bool] = False  # its whole effect is noise of the stated variance: the Jacobian stays as it is
    guarantee: ClassVar[str] = "none: it makes no formal promise"

    def wrap(self, inner: Release, world: World) -> Release:
        """The defended release."""
        raise NotImplementedError

    def variance(self, size: Size) -> float:
        """Variance of the noise that this defense adds to every entry of a message of this size; 0 where it adds none."""
        return 0.0

    def passes(self, size: Size) -> float:
        """What becomes of noise that was added before this defense: the factor by which the part of it that still matters is scaled.

        Exact where the defense scales and projects (theory T6): what is projected away takes the signal there with it.

        Args:
            size: of the noise-free message that enters this defense.
        """
        return 1.0

    def caveat(self) -> str:
        """Where the stated variance is only an approximation, in one sentence; empty where it is exact."""
        return ""

    @classmethod
    def strength_knob(cls) -> Knob:
        """The knob that the slider moves."""
        return next(k for k in cls.knobs() if k.name == cls.strength)


def unit_of(size: Size, relative: bool) -> float:
    """What a strength is multiplied with: the root mean square of the message's entries, or 1 where it is absolute."""
    return size.rms if relative else 1.0
