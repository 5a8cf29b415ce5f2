"""What a defense adds to a message: the law of its noise, how that depends on the private batch, and how much."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.types import Size

LAWS = (
    "none",
    "gaussian",
    "laplace",
    "rounding",  # no chance at all: the same message gives the same error, of a known interval
    "discrete",  # chance between a few levels
    "fixed length",  # a random direction, of a length that the message gives away
)


@dataclasses.dataclass(frozen=True)
class Noise:
    """Noise of one defense, and what it does to noise that was added before.

    Attributes:
        law: one of LAWS.
        follows: how it depends on the private batch: "size" (its std is a share of the message's), "shape" (so does the rest of its covariance), or not at all.
        coloured: it is stronger in some directions than in others, and `variance` does not count it.
        tangent: it, or some of it, lies in the range of the Jacobian at the private batch.
        alone: the defense does nothing but add it.
        variance: on every entry of the message.
        passes: the factor by which noise from before this defense is scaled, as far as it still matters.
    """

    law: str = "none"
    follows: str = ""
    coloured: bool = False
    tangent: bool = False
    alone: bool = False
    variance: float = 0.0
    passes: float = 1.0


def unit_of(size: Size, relative: bool) -> float:
    """What a strength is multiplied with: the root mean square of the message's entries, or 1 where it is absolute."""
    return size.rms if relative else 1.0
