"""What every detector is: a look at what a client was sent, before it answers."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ...core.component import Component

if TYPE_CHECKING:
    from ...core.received import Finding, Received


@dataclasses.dataclass(frozen=True)
class Detector(Component):
    """A detector has what the client has, and nothing that only the server knows."""

    def inspect(self, received: Received) -> Finding:
        """What it makes of the net that the client was sent, and of what its own message would give away."""
        raise NotImplementedError
