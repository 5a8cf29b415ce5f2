"""What a class guessed: numbers of a day, with nothing that says whose they are."""

from __future__ import annotations

import math
import re
import time
import unicodedata
from typing import TYPE_CHECKING

from ...core.component import shown
from ...core.errors import LimitError, StoreError

if TYPE_CHECKING:
    from ._db import Database

LONGEST = 40
NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST}}}")
SIMPLE = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
)  # others lose what stands above or below them
DAY = 24 * 3600.0  # seconds that a guess is kept
SEATS = 500  # guesses to one question of one class
CLASSES = 200  # at a time


class Classes:
    """The class board's side of the store. Who guesses is a word drawn at random for one tab, which a second guess replaces."""

    _db: Database

    def guess(self, group: str, question: str, who: str, value: float, now: float | None = None) -> None:
        """Keep one visitor's guess for a day; the last one counts.

        Args:
            group: name of the class, as `class_problem` allows it.
            question: which was asked; named in the same way.
            who: a word of one tab.
            value: any finite number.
            now: seconds since 1970; the clock's.

        Raises:
            StoreError: the name cannot be used, or the value is not a finite number.
            LimitError: this class has its 500 guesses, or this server its 200 classes.
        """
        if why := class_problem(group) or class_problem(question):
            raise StoreError(why)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise StoreError(f"A guess is a finite number; given was {shown(str(value))}.")
        now = time.time() if now is None else now
        with self._db.write() as con:
            con.execute("DELETE FROM guesses WHERE at < ?", (now - DAY,))
            others = con.execute(
                "SELECT COUNT(*) FROM guesses WHERE class = ? AND question = ? AND who <> ?", (group, question, who)
            ).fetchone()[0]
            if others >= SEATS:
                raise LimitError(f"The class {group} has {SEATS} guesses to this question, as many as are kept. Choose another class name.")
            if not con.execute("SELECT 1 FROM guesses WHERE class = ?", (group,)).fetchone() and (
                con.execute("SELECT COUNT(DISTINCT class) FROM guesses").fetchone()[0] >= CLASSES
            ):
                raise LimitError(
                    f"This server keeps the guesses of {CLASSES} classes at a time. Try again tomorrow: each is kept for a day."
                )
            con.execute("INSERT OR REPLACE INTO guesses VALUES (?, ?, ?, ?, ?)", (group, question, who, float(value), now))

    def guesses(self, group: str, question: str, now: float | None = None) -> list[float]:
        """All guesses of a class to one question, of the last day, in ascending order."""
        since = (time.time() if now is None else now) - DAY
        with self._db.read() as con:
            rows = con.execute(
                "SELECT value FROM guesses WHERE class = ? AND question = ? AND at >= ? ORDER BY value", (group, question, since)
            ).fetchall()
        return [row["value"] for row in rows]

    def reveal(self, group: str, question: str) -> None:
        """From now on, for a day, whoever of the class has guessed sees the answer."""
        if why := class_problem(group) or class_problem(question):
            raise StoreError(why)
        with self._db.write() as con:
            con.execute("DELETE FROM reveals WHERE at < ?", (time.time() - DAY,))
            con.execute("INSERT OR REPLACE INTO reveals VALUES (?, ?, ?)", (group, question, time.time()))

    def revealed(self, group: str, question: str) -> bool:
        """Whether a class may see an answer."""
        with self._db.read() as con:
            asked = (group, question, time.time() - DAY)
            return con.execute("SELECT 1 FROM reveals WHERE class = ? AND question = ? AND at >= ?", asked).fetchone() is not None

    def new_round(self, group: str, question: str) -> None:
        """Forget what a class has guessed, and that it was shown the answer."""
        with self._db.write() as con:
            for table in ("guesses", "reveals"):
                con.execute(f"DELETE FROM {table} WHERE class = ? AND question = ?", (group, question))


def class_problem(name: str) -> str:
    """Why a name cannot be one of a class; empty where it can."""
    if NAME.fullmatch(name):
        return ""
    return f"A class has a name of 1 to {LONGEST} letters (a to z), digits, hyphens and underscores, such as 7b; given was {shown(name)}."


def class_name(typed: str) -> str:
    """The name of a class that is nearest to what a person typed: 7 b becomes 7-b; empty where no letter or digit is left of it."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", typed).translate(SIMPLE))
    words = re.findall(r"[A-Za-z0-9_]+", "".join(c for c in plain if not unicodedata.combining(c)))
    return "-".join(words)[:LONGEST].strip("-_")
