"""What every detector is: a look at what a client was sent, before it answers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ...core.component import Component
from ...core.received import Finding

if TYPE_CHECKING:
    from ...core.received import Received

LACKS = {
    "batch": "there is no batch of the client's own to try the net on",
    "release": "the client's message is not known",
    "previous": "there is no net of the round before to compare with",
    "peers": "no other client has told what it was sent",
}
"""What may be missing, in the words of a finding."""


@dataclasses.dataclass(frozen=True)
class Detector(Component):
    """A detector has what the client has, and nothing that only the server knows."""

    needs: ClassVar[tuple[str, ...]] = ()  # fields of `Received` without which it cannot judge

    def inspect(self, received: Received) -> Finding:
        """What it makes of the net that the client was sent, and of what its own message would give away; says so where it cannot judge, and flags nothing then."""
        lacking = [LACKS[name] for name in self.needs if not _has(received, name)]
        if not received.finite:
            lacking.append("the received net holds numbers that are not finite, by which nothing can be computed")
        return unjudged("; ".join(lacking)) if lacking else self.look(received)

    def look(self, received: Received) -> Finding:
        """The same where all that it needs is there."""
        raise NotImplementedError


def _has(received: Received, name: str) -> bool:
    value = getattr(received, name)
    return value is not None and value != ()


def unjudged(why: str) -> Finding:
    """A finding of a detector that lacks what it needs."""
    return Finding(0.0, False, f"cannot judge: {why}", judged=False)


def against(score: float, most: float, words: str) -> Finding:
    """A finding that is flagged where the score lies above its threshold."""
    return Finding(score, score > most, words)
