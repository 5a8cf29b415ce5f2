"""What a report calls each kind of work, and how it is computed again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.command import command as written

if TYPE_CHECKING:
    from ..jobs.store import Kind
    from ..scenario import Scenario


@dataclasses.dataclass(frozen=True)
class KindOfWork:
    """Facts about a kind of work.

    Attributes:
        title: heading of a section.
        noun: one of them, within a sentence.
        verb: of the command line, with what follows the scenario.
        uses: parts of the scenario whose papers it stands on, beside those that all kinds use.
        plural: of the noun.
    """

    title: str
    noun: str
    verb: tuple[str, ...]
    uses: tuple[str, ...] = ()
    plural: str = ""

    def counted(self, count: int) -> str:
        """So many of them."""
        return f"{count} {self.noun if count == 1 else self.plural or self.noun + 's'}"


KINDS: dict[Kind, KindOfWork] = {
    "run": KindOfWork("Attack", "attack", ("run",), ("attack",)),
    "risk": KindOfWork("Risk score", "risk score", ("risk",)),
    "sketch": KindOfWork("First sketch of a risk score", "first sketch", ("risk", "--method", "sketch"), plural="first sketches"),
    "train": KindOfWork("Training", "training", ("train",), ("train",)),
    "clients": KindOfWork("Risk of every client", "risk of every client", ("risk", "--clients"), ("train",), "risks of every client"),
    "labels": KindOfWork("Labels from returned gradients", "look for labels", ("labels",), (), "looks for labels"),
}
"""One for every kind of the store; a test sees to it."""


def command(kind: Kind, scenario: Scenario) -> str:
    """The line that computes a result again."""
    verb, *options = KINDS[kind].verb
    return written(verb, scenario.text(), *options)
