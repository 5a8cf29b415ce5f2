"""All defenses against all servers that lie: which share of a batch each reads behind each defense.

Made by `python -m invviz.studies servers`, kept as plain JSON; what is there already is not computed again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ...core.paths import GALLERY
from ...core.plain import to_json
from ...core.shipped import reading
from ..kept import HEAD, of_today

FOLDER = GALLERY / "servers"
FILE = "study.json"
COMMAND = "python -m invviz.studies servers"


TURNS = 5  # batches, each with a seed of its own


@dataclasses.dataclass(frozen=True)
class Cell:
    """One server behind one defense, on one batch after another.

    Attributes:
        server, column: name of the server; title of what is set against it.
        scenarios: that were run, as text; one a batch.
        keys: of their results.
        shares: of each batch, what was read to 60 dB and more (of a server that is after one picture: whether that was); None where that batch could not be run, which `why` says.
        sights: of each batch, what shows to 20 dB and more; None likewise.
        bests: PSNR of each batch's best picture, in dB; None likewise.
        seconds: that all took.
        why: in words; empty where all were run.
    """

    server: str
    column: str
    scenarios: tuple[str, ...]
    keys: tuple[str, ...]
    shares: tuple[float | None, ...]
    sights: tuple[float | None, ...]
    bests: tuple[float | None, ...]
    seconds: float = 0.0
    why: str = ""

    @property
    def exact(self) -> float | None:
        """Mean share that was read to 60 dB and more; None where no batch could be run."""
        return _mean(self.shares)

    @property
    def seen(self) -> float | None:
        """Mean share that shows to 20 dB and more; None likewise."""
        return _mean(self.sights)

    @property
    def least_and_most(self) -> tuple[float, float] | None:
        """Of the shares that show, over batches; None likewise."""
        known = [value for value in self.sights if value is not None]
        return (min(known), max(known)) if known else None

    @property
    def best(self) -> float | None:
        """PSNR of the best picture of all batches, in dB; None likewise."""
        return max((value for value in self.bests if value is not None), default=None)


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
        return None if found is None else cls(tuple(map(_cell, found["cells"])))

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


def _cell(held: dict[str, Any]) -> Cell:
    own: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in held.items()}
    return Cell(**own)


@lru_cache(maxsize=1)
def shipped() -> Study | None:
    """The study that comes with invviz; None where it is not there, or damaged (said once, `core.shipped`)."""
    if not (FOLDER / FILE).is_file():
        return None
    with reading(FOLDER / FILE, COMMAND):
        return Study.from_json((FOLDER / FILE).read_text())
    return None


__all__ = ["COMMAND", "FILE", "FOLDER", "TURNS", "Cell", "Study", "shipped"]
