"""New layers: the received net is not built as the last one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ...core.inert import name as inert
from ._base import Detector, against

if TYPE_CHECKING:
    from ...core.received import Finding, Received


@dataclasses.dataclass(frozen=True)
class NewLayers(Detector):
    """How many parameters of the received net the one of the round before did not have, or had in another shape; any one is flagged.

    An honest server does not change the architecture between rounds, so there are no false alarms by what it is. One that plants its layers from the first round on is not seen. Ours.
    """

    name: ClassVar[str] = "new_layers"
    title: ClassVar[str] = "New layers"
    needs: ClassVar[tuple[str, ...]] = ("previous",)

    def look(self, received: Received) -> Finding:
        """Names and shapes of the parameters of both."""
        now, before = ({name: p.shape for name, p in net.params.items()} for net in (received.net, received.previous))  # type: ignore[union-attr]
        new = [name for name in now if now[name] != before.get(name)]
        gone = [name for name in before if name not in now]
        said = f"{', '.join(inert(n) for n in new[:4])}{' ...' if len(new) > 4 else ''}" if new else "none"
        return against(
            float(len(new) + len(gone)), 0.0, f"parameters that the net of the round before does not have so: {said}; missing: {len(gone)}"
        )
