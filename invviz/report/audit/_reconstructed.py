"""What was read off a message, as the user holds it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...core import plain

if TYPE_CHECKING:
    from torch import Tensor

    from ...engine.audit.message import Answer


@dataclasses.dataclass(frozen=True, eq=False)
class Reconstructed:
    """Answers of all attacks, the most believable first. Which one is right nobody can tell who has not the records.

    Attributes:
        answers: of every attack; those without an answer last, with the reason.
    """

    answers: tuple[Answer, ...]

    @property
    def best(self) -> Answer | None:
        """The most believable one: did not fail, and leaves least of the message; None where no attack gave an answer."""
        return next((one for one in self.answers if one.misfit is not None), None)

    @property
    def failed(self) -> bool:
        """Whether the best one failed in its own eyes, or there is none."""
        return self.best is None or self.best.failed

    @property
    def inputs(self) -> Mapping[str, Tensor]:
        """The best one's private inputs by name, on their own scale; empty without an answer."""
        return self.best.inputs if self.best else {}

    @property
    def targets(self) -> Tensor | None:
        """The best one's targets."""
        return self.best.targets if self.best else None

    def to_json(self) -> dict[str, Any]:
        """What every attack says, without the arrays."""
        rows = [
            {f.name: getattr(one, f.name) for f in dataclasses.fields(one) if f.name not in ("inputs", "targets")} for one in self.answers
        ]
        return plain.plain({"schema": "invviz.reconstruction/1", "failed": self.failed, "answers": rows})
