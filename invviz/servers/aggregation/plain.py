"""No aggregation that hides anything."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ._base import Aggregation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...core.types import Tree


@dataclasses.dataclass(frozen=True)
class Plain(Aggregation):
    """The server sees the message of every client as it is."""

    name: ClassVar[str] = "plain"
    title: ClassVar[str] = "Plain messages"

    def seen(self, messages: Sequence[Tree]) -> Tree:
        """The victim's message."""
        return messages[0]
