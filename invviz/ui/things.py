"""What one private sample and one of its numbers are called: a picture has pixels, a row of a table entries, a sentence words."""

from __future__ import annotations

import functools
import re

from ..scenario import Scenario

OF_ROWS = {"picture": "row", "pixel": "entry"}
OF_SENTENCES = {"picture": "sentence", "pixel": "word"}
_WORD = re.compile(r"\b(picture|pixel)(s?)\b", re.IGNORECASE)


def say(now: Scenario, words: str) -> str:
    """Words written of pictures, as they read for the data of a scenario.

    Example:
        >>> table = Scenario.parse("data=wine&model=mlp&attack=dlg")
        >>> say(table, "Picture: what it knows of each pixel"), say(table, "pixels of both pictures")
        ('Row: what it knows of each entry', 'entries of both rows')
    """
    names = OF_ROWS if now.data.columns else OF_SENTENCES if now.data.modality.discrete else None
    return _WORD.sub(functools.partial(_named, names), words) if names else words


def _named(names: dict[str, str], found: re.Match[str]) -> str:
    word, many = found[1], found[2]
    new = names[word.lower()]
    new = new.capitalize() if word[0].isupper() else new
    return new.removesuffix("y") + "ies" if many and new.endswith("y") else new + many
