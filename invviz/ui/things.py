"""What one private sample and one of its numbers are called: a picture has pixels, a row of a table entries, a sentence words, a series values."""

from __future__ import annotations

import functools
import re

from ..core.modality import SERIES
from ..scenario import Scenario

OF_ROWS = {"picture": "row", "pixel": "entry"}
OF_SENTENCES = {"picture": "sentence", "pixel": "word"}
OF_SERIES = {"picture": "series", "pixel": "value"}
_WORD = re.compile(r"\b(picture|pixel)(s?)\b", re.IGNORECASE)


def say(now: Scenario, words: str) -> str:
    """Words written of pictures, as they read for the data of a scenario.

    Example:
        >>> table = Scenario.parse("data=wine&model=mlp&attack=dlg")
        >>> say(table, "Picture: what it knows of each pixel"), say(table, "pixels of both pictures")
        ('Row: what it knows of each entry', 'entries of both rows')
    """
    kind = now.data.modality
    names = OF_ROWS if now.data.columns else OF_SENTENCES if kind.discrete else OF_SERIES if kind is SERIES else None
    return _WORD.sub(functools.partial(_named, names), words) if names else words


def _named(names: dict[str, str], found: re.Match[str]) -> str:
    word, many = found[1], found[2]
    new = names[word.lower()]
    new = new.capitalize() if word[0].isupper() else new
    if not many or new.endswith("s"):  # one series, two series
        return new
    return new.removesuffix("y") + "ies" if new.endswith("y") else new + many
