"""All defenses against all servers that lie: which share of a batch each reads behind each defense.

Made by `python -m invviz.studies servers`, kept as plain JSON; what is there already is not computed again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache

from ...core.paths import GALLERY
from ...core.plain import to_json
from ...core.shipped import reading
from ..kept import HEAD, of_today

FOLDER = GALLERY / "servers"
FILE = "study.json"
COMMAND = "python -m invviz.studies servers"


TURNS = 5  # batches, each with a seed of its own


@dataclasses.dataclass(frozen=True)
class Batch:
    """What one server read of one batch.

    Attributes:
        scenario: that was run, as text.
        key: of the result.
        exact: share that was read to 60 dB and more (of a server that is after one picture: whether that was); None where it could not be run, which `why` says.
        seen: share that shows to 20 dB and more; None likewise.
        best: PSNR of the best picture, in dB; None likewise.
        seconds: that it took.
        why: in words; empty where it was run.
    """

    scenario: str
    key: str
    exact: float | None = None
    seen: float | None = None
    best: float | None = None
    seconds: float = 0.0
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One server (its name) behind one defense (the title of what is set against it), on one batch after another."""

    server: str
    column: str
    batches: tuple[Batch, ...]

    @property
    def exact(self) -> float | None:
        """Mean share that was read to 60 dB and more; None where no batch could be run."""
        return _mean([one.exact for one in self.batches])

    @property
    def seen(self) -> float | None:
        """Mean share that shows to 20 dB and more; None likewise."""
        return _mean([one.seen for one in self.batches])

    @property
    def least_and_most(self) -> tuple[float, float] | None:
        """Of the shares that show, over batches; None likewise."""
        known = [one.seen for one in self.batches if one.seen is not None]
        return (min(known), max(known)) if known else None

    @property
    def best(self) -> float | None:
        """PSNR of the best picture of all batches, in dB; None likewise."""
        return max((one.best for one in self.batches if one.best is not None), default=None)

    @property
    def why(self) -> str:
        """Why batches could not be run, each reason once; empty where all were."""
        return " ".join(dict.fromkeys(one.why for one in self.batches if one.why))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """The study, as it is kept."""

    cells: tuple[Cell, ...]

    def to_json(self) -> str:
        """Plain JSON, a line a cell."""
        lines = ",\n".join(to_json(dataclasses.asdict(cell)) for cell in self.cells)
        return f'{to_json({**HEAD, "command": COMMAND})[:-1]},\n"cells": [\n{lines}\n]}}\n'

    @classmethod
    def from_json(cls, text: str) -> Study | None:
        """Read what `to_json` wrote; None where it was made for other results.

        Raises:
            ValueError, KeyError, TypeError: not such a text.
        """
        found = of_today(text)
        return (
            None
            if found is None
            else cls(tuple(Cell(c["server"], c["column"], tuple(Batch(**one) for one in c["batches"])) for c in found["cells"]))
        )

    def of(self, server: str) -> dict[str, Cell]:
        """Cells of a server by column."""
        return {cell.column: cell for cell in self.cells if cell.server == server}

    @property
    def servers(self) -> Sequence[str]:
        """In the order of the table."""
        return list(dict.fromkeys(cell.server for cell in self.cells))

    @property
    def columns(self) -> Sequence[str]:
        """No defense first."""
        return list(dict.fromkeys(cell.column for cell in self.cells))


@lru_cache(maxsize=1)
def shipped() -> Study | None:
    """The study that comes with invviz; None where it is not there, or damaged (said once, `core.shipped`)."""
    if not (FOLDER / FILE).is_file():
        return None
    with reading(FOLDER / FILE, COMMAND):
        return Study.from_json((FOLDER / FILE).read_text())
    return None


__all__ = ["COMMAND", "FILE", "FOLDER", "TURNS", "Batch", "Cell", "Study", "shipped"]
