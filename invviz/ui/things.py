"""What one private sample and one of its numbers are called: a picture has pixels, a row of a table entries."""

from __future__ import annotations

import re

from ..scenario import Scenario

OF_ROWS = {"picture": "row", "pixel": "entry"}
_WORD = re.compile(r"\b(picture|pixel)(s?)\b", re.IGNORECASE)


def say(now: Scenario, words: str) -> str:
    """Words written of pictures, as they read for the data of a scenario.

    Example:
        >>> table = Scenario.parse("data=wine&model=mlp&attack=dlg")
        >>> say(table, "Picture: what it knows of each pixel"), say(table, "pixels of both pictures")
        ('Row: what it knows of each entry', 'entries of both rows')
    """
    return _WORD.sub(_row, words) if now.data.columns else words


def _row(found: re.Match[str]) -> str:
    word, many = found[1], found[2]
    new = OF_ROWS[word.lower()]
    new = new.capitalize() if word[0].isupper() else new
    return new.removesuffix("y") + "ies" if many and new.endswith("y") else new + many
