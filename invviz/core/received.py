"""What a client has in its hands before it answers, and what a look at that found."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .batch import Batch, Net
    from .types import Release


@dataclasses.dataclass(frozen=True, eq=False)
class Received:
    """All that a client can look at before it sends.

    Attributes:
        net: the one that it was sent.
        previous: the last one that it computed by; None in its first round.
        batch: its own.
        release: its message in its own defenses, of any net and batch; without noise where it is given no generator.
    """

    net: Net
    previous: Net | None
    batch: Batch
    release: Release


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a detector says.

    Attributes:
        score: larger is more suspicious; compared between nets, by which a threshold is chosen.
        flagged: whether the client should not answer.
        reason: what was seen, in a sentence.
    """

    score: float
    flagged: bool
    reason: str
