"""The list of all results: chosen, sorted, counted and cut into pages by SQLite, out of one index and without reading them; and removing some."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...scenario.kinds import WORK
from . import _filing
from ._db import Database, explained
from ._reading import MANY
from ._room import OVER

if TYPE_CHECKING:
    from sqlite3 import Connection

INDEX = "INDEXED BY jobs_listed"
AT_ONCE = 200  # results that are filed in one transaction
ORDERS = {"finished": "finished", "score": "score", "seconds": "finished - started", "bytes": "bytes"}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which results.

    Attributes:
        kind: of work; empty: all that are told of without being named.
        parts: name of a component by its part ("data", "model", "defense", "attack"); "none" of a defense: without any.
        low: of the score as it is stored, at least; None for any.
        high: likewise at most.
        owner: who asked for them; empty for whoever.
        keys: only these; None for all.
    """

    kind: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    low: float | None = None
    high: float | None = None
    owner: str = ""
    keys: tuple[str, ...] | None = None

    def where(self) -> tuple[str, list[Any]]:
        """The same in SQL, with its parameters."""
        words, values = [_filing.LISTED], []
        if self.kind:
            words.append("kind = ?")
            values.append(self.kind)
        else:
            words.append(f"kind NOT IN {MANY}")
            values.append(json.dumps([name for name, work in WORK.items() if not work.listed]))
        for part, name in self.parts:
            assert part in _filing.PARTS
            if part == "defense":
                words.append("defense = ''" if name == "none" else "instr(defense, ?) > 0")
                values += [] if name == "none" else [f",{name},"]
            else:
                words.append(f"{part} = ?")
                values.append(name)
        for bound, sign in ((self.low, ">="), (self.high, "<=")):
            if bound is not None:
                words.append(f"score {sign} ?")
                values.append(bound)
        if self.owner:
            words.append("owner = ?")
            values.append(self.owner)
        if self.keys is not None:
            words.append(f"key IN {MANY}")
            values.append(json.dumps(self.keys))
        return " AND ".join(words), values


@dataclasses.dataclass(frozen=True)
class Row:
    """One result in the list: no numbers but its score, and no arrays."""

    key: str
    kind: str
    scenario: str
    state: str
    finished: float
    seconds: float | None
    bytes: int
    score: float | None


class Listing:
    """What the page of results asks."""

    path: Path
    _db: Database
    folder: Callable[[str], Path]
    if TYPE_CHECKING:

        def _erased(self, key: str) -> Callable[[Connection], object]: ...

    def file_results(self, seconds: float) -> int:
        """File results that are not yet, newest first, for about so long; how many are left.

        Workers file what they hand in. What is left was written by an invviz that did not.
        """
        until = time.monotonic() + seconds
        while True:
            with self._db.read() as con:
                rows = _filing.some(con, AT_ONCE)
            if not rows:
                return 0
            filed = [_filing.of_row(row, self.folder(row["key"])) for row in rows]
            with self._db.write() as con:
                # it may have been computed anew, or removed, since it was read
                con.executemany(f"{_filing.FILE} AND finished = ?", [(*values, values[-2]) for values in filed])
            if time.monotonic() >= until:
                with self._db.read() as con:
                    return con.execute(f"SELECT COUNT(*) FROM jobs WHERE {_filing.UNFILED}").fetchone()[0]

    def listed(self, wanted: Wanted, order: str = "finished", falling: bool = True, limit: int = 25, offset: int = 0) -> list[Row]:
        """Results in an order (finished, score, seconds or bytes; what has no such number last), so many from a place on."""
        where, values = wanted.where()
        by = ORDERS[order]
        with self._db.read() as con:
            # which ones, from the index alone; then these few themselves
            order_by = f"ORDER BY {by} IS NULL, {by} {'DESC' if falling else 'ASC'}, rowid"
            found = con.execute(f"SELECT rowid FROM jobs {INDEX} WHERE {where} {order_by} LIMIT ? OFFSET ?", (*values, limit, offset))
            places = [row[0] for row in found]
            rows = con.execute(
                "SELECT rowid AS place, key, kind, scenario, state, finished, finished - started AS seconds, bytes, score FROM jobs "
                f"WHERE rowid IN {MANY}",
                (json.dumps(places),),
            ).fetchall()
        of = {row["place"]: row for row in rows}
        names = [field.name for field in dataclasses.fields(Row)]
        return [Row(**{name: of[place][name] for name in names}) for place in places if place in of]

    def count(self, wanted: Wanted) -> int:
        """How many there are."""
        where, values = wanted.where()
        with self._db.read() as con:
            return con.execute(f"SELECT COUNT(*) FROM jobs {INDEX} WHERE {where}", values).fetchone()[0]

    def counts(self, wanted: Wanted) -> dict[str, dict[str, int]]:
        """Of each part, how many there are of each of its components with all else as it is wanted, most first; "none" of a defense: without any. By one pass over the index."""
        where, values = dataclasses.replace(wanted, parts=()).where()
        columns = ", ".join(_filing.PARTS)
        with self._db.read() as con:
            rows = con.execute(f"SELECT {columns}, COUNT(*) FROM jobs {INDEX} WHERE {where} GROUP BY kind, {columns}", values).fetchall()
        found: dict[str, dict[str, int]] = {part: {} for part in _filing.PARTS}
        for *names, count in rows:
            here = {part: _components(part, text) for part, text in zip(_filing.PARTS, names, strict=True)}
            unlike = [part for part, name in wanted.parts if name not in here[part]]
            for part in _filing.PARTS:
                if not [other for other in unlike if other != part]:
                    for name in here[part]:
                        found[part][name] = found[part].get(name, 0) + count
        return {part: dict(sorted(counts.items(), key=lambda one: (-one[1], one[0]))) for part, counts in found.items()}

    def kinds(self) -> dict[str, int]:
        """How many there are of each kind."""
        with self._db.read() as con:
            rows = con.execute(f"SELECT kind, COUNT(*) FROM jobs {INDEX} WHERE {_filing.LISTED} GROUP BY kind").fetchall()
        return {row["kind"]: row[1] for row in rows}

    def others(self, keys: Sequence[str], owner: str) -> set[str]:
        """Of these those that are not this one's alone: somebody else asked for them, or waits for them, or looks at them."""
        with self._db.read() as con:
            return _others(con, keys, owner)

    def remove(self, keys: Sequence[str], owner: str = "") -> dict[str, str]:
        """Remove finished jobs with all that belongs to them, for good; they are computed again when they are asked for.

        Args:
            keys: of jobs.
            owner: only what this one alone has asked for and looks at; empty: whoever's.

        Returns:
            Why some stay, by key, in words: pinned, somebody else's, not finished; nothing of those that are gone.
        """
        kept: dict[str, str] = {}
        with explained(self.path), self._db.write() as con:
            foreign = _others(con, keys, owner) if owner else set()
            pinned = {row["key"] for row in con.execute(f"SELECT key FROM pins WHERE key IN {MANY}", (json.dumps(list(keys)),))}
            for key in dict.fromkeys(keys):
                row = con.execute(f"SELECT state IN {OVER} AS ended FROM jobs WHERE key = ?", (key,)).fetchone()
                if row is None:
                    continue
                if not row["ended"]:
                    kept[key] = "it waits or is being computed: stop it first"
                elif key in foreign:
                    kept[key] = "somebody else asked for it, or looks at it"
                elif key in pinned:
                    kept[key] = f"it is kept whatever happens (`store --unpin {key}` on the command line lets go of it)"
                else:
                    self._erased(key)(con)
        return kept


def _components(part: str, text: str) -> list[str]:
    """Names in a column of what is filed, each once; of a kind of work in which the part plays no part none."""
    return [name for name in dict.fromkeys(text.strip(",").split(",")) if name] or (["none"] if part == "defense" else [])


def _others(con: Connection, keys: Sequence[str], owner: str) -> set[str]:
    rows = con.execute(
        f"SELECT key FROM jobs WHERE key IN {MANY} AND (owner <> ? OR EXISTS (SELECT 1 FROM watchers WHERE watchers.key = jobs.key AND watcher <> ?))",
        (json.dumps(list(keys)), owner, owner),
    )
    return {row["key"] for row in rows}
