"""What every way of training is: a set of knobs that `utility` reads."""

from __future__ import annotations

import dataclasses

from ...core.component import Component


@dataclasses.dataclass(frozen=True)
class Training(Component):
    """Who trains, on what, how long and at which rate."""

    def problems(self) -> list[str]:
        """Why the knobs do not go together, one sentence each."""
        return []
