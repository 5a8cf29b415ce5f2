"""How a result is computed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.command import command as written
from ..scenario.kinds import WORK, Kind

if TYPE_CHECKING:
    from ..scenario import Scenario


def command(kind: Kind, scenario: Scenario) -> str:
    """The line that computes a result again."""
    verb, *options = WORK[kind].verb
    return written(verb, scenario.text(), *options)
