"""Hash of the net: other clients were sent another one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ._base import Detector, against

if TYPE_CHECKING:
    from ...core.received import Finding, Received


@dataclasses.dataclass(frozen=True)
class ModelHash(Detector):
    """Share of the other clients whose net has another digest (SHA-256 of names, kinds, shapes and numbers); any one is flagged.

    Servers that send every client a net of its own, so that the sum over clients is the gradient of one, cannot pass it, whatever the nets look like; servers that send all the same always do. An honest server sends one net, so there
    are no false alarms by what it is. It takes clients that tell each other, past the server.
    """

    name: ClassVar[str] = "model_hash"
    title: ClassVar[str] = "Hash of the net"
    paper: ClassVar[str] = "pasquini2022eluding"
    needs: ClassVar[tuple[str, ...]] = ("peers",)

    def look(self, received: Received) -> Finding:
        """Its own digest beside theirs."""
        own = received.net.digest
        other = sum(told != own for told in received.peers)
        return against(other / len(received.peers), 0.0, f"{other} of {len(received.peers)} other clients were sent another net")
