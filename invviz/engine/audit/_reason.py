"""A reason against an audit, or against its numbers."""

from __future__ import annotations

import dataclasses
from typing import Literal

Weight = Literal["cannot", "less", "note"]
NAMED = 4  # places that a reason names


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why an audit cannot be made, or what its numbers do not say.

    Attributes:
        name: of the kind of reason, such as "batch_norm".
        weight: "cannot" stands in the way; "less" makes the numbers mean less; "note" is said beside them.
        what: a sentence.
        repair: what to do, as a sentence.
        where: names of the modules or parameters that it is about.
        mends: whether `mend` does it.
    """

    name: str
    weight: Weight
    what: str
    repair: str
    where: tuple[str, ...] = ()
    mends: bool = False

    def __str__(self) -> str:
        """What, where, and what to do."""
        named = ", ".join(one or "the net itself" for one in self.where[:NAMED]) + (
            f" and {len(self.where) - NAMED} more" if len(self.where) > NAMED else ""
        )
        return f"{self.what}{f' ({named})' if named else ''} {self.repair}"
