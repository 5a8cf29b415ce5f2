"""What a report is made of: sections, tables, and what there is to say of one result."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from ._figures import Figure


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells are text."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True)
class Section:
    """One result.

    Attributes:
        anchor: its key.
        kind: in one word.
        finding: one sentence; the heading.
        state: done, failed, stopped, ...
        lines: scenario lines in their short form.
        full: scenario in its full form; empty where that is the same for nobody (a sweep).
        command: that makes it again.
        facts: name and value.
        warnings: what keeps the finding of one result from being taken at its word.
        notes: other remarks.
        remarks: groups of lines that are folded: title, lines.
        failures: of a sweep's cells, grouped; they come last.
    """

    anchor: str
    kind: str
    finding: str
    state: str
    lines: tuple[str, ...]
    full: str
    command: str
    facts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    remarks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    failures: tuple[str, ...] = ()


class Told(NamedTuple):
    """What there is to say of one result; as in a section."""

    finding: str
    facts: list[tuple[str, str]]
    warnings: list[str]
    notes: list[str]
    figures: list[Figure]
    tables: Sequence[Table] = ()
