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


@dataclasses.dataclass(frozen=True)
class Cell:
    """One server behind one defense.

    Attributes:
        server, column: name of the server; title of what is set against it.
        scenario: that was run, as text.
        key: of the result.
        exact: share of the batch that was read to 60 dB and more; None where the parts do not fit, which `why` says.
        seen: share that shows to 20 dB and more.
        best: PSNR of the best picture, in dB.
        seconds: that it took.
        why: in words; empty where it was run.
    """

    server: str
    column: str
    scenario: str
    key: str
    exact: float | None = None
    seen: float | None = None
    best: float | None = None
    seconds: float = 0.0
    why: str = ""


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
        return None if found is None else cls(tuple(Cell(**cell) for cell in found["cells"]))

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


__all__ = ["COMMAND", "FILE", "FOLDER", "Cell", "Study", "shipped"]
