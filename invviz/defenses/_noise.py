"""What a defense adds to a message: the law of its noise, how that depends on the private batch, and how much."""

from __future__ import annotations

import dataclasses

from ..core.types import Size

LAWS = (
    "none",
    "gaussian",
    "laplace",
    "rounding",  # no chance at all: the same message gives the same error, of a known interval
    "discrete",  # chance between a few levels
    "fixed length",  # a random direction, of a length that the message gives away
)


UNIT = Size(1.0, 1, 1.0)  # where the law alone is asked for


@dataclasses.dataclass(frozen=True)
class Noise:
    """Noise of one defense, and what it does to noise that was added before.

    Attributes:
        law: one of LAWS.
        follows: how it depends on the private batch: "size" (its std is a share of the message's), "shape" (so does the rest of its covariance), or not at all.
        coloured: it is stronger in some directions than in others, and `variance` does not count it.
        tangent: it, or some of it, lies in the range of the Jacobian at the private batch.
        variance: on every entry of the message; 0 where none is added.
        passes: the factor by which noise from before this defense is scaled, as far as it still matters. Exact where the defense scales and projects (theory T6):
            what is projected away takes the signal there with it.
    """

    law: str = "none"
    follows: str = ""
    coloured: bool = False
    tangent: bool = False
    variance: float = 0.0
    passes: float = 1.0


def unit_of(size: Size, relative: bool) -> float:
    """What a strength is multiplied with: the root mean square of the message's entries, or 1 where it is absolute."""
    return size.rms if relative else 1.0
