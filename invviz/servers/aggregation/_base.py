"""What every aggregation is: a map from the messages of a round to what the server sees."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ...core.component import Component

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...core.types import Tree


@dataclasses.dataclass(frozen=True)
class Aggregation(Component):
    """An aggregation says what the server sees: every message, or several of them in one."""

    @property
    def others(self) -> int:
        """Clients whose messages the server sees only together with the victim's."""
        return 0

    def seen(self, messages: Sequence[Tree]) -> Tree:
        """What the server sees; differentiable in every message.

        Args:
            messages: of the victim, then of the `others`, each {name: tensor}, all with the same names and shapes.
        """
        raise NotImplementedError

    def problems(self) -> list[str]:
        """Why its knobs do not go together, one sentence each."""
        return []
