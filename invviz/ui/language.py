"""The languages of the Guide and of the glossary: one file of words each in assets/words, and how figures are written in them."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from typing import Any

from ..core.paths import ROOT

FOLDER = ROOT / "assets" / "words"
FIRST = "en"
NUMBER = re.compile(r"\d[\d.,]*\d|\d")
UNIT = re.compile(r"(?<=\d) (?=%|dB)")  # no line is broken there


@lru_cache(maxsize=1)
def languages() -> dict[str, str]:
    """Names of the languages by their short form in the address, English first."""
    short = sorted((file.stem for file in FOLDER.glob("??.toml")), key=lambda one: (one != FIRST, one))
    return {one: words(one)["language"]["name"] for one in short}


@lru_cache(maxsize=16)
def words(language: str) -> dict[str, Any]:
    """Every word of a language."""
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def equations() -> dict[str, str]:
    """Of terms, by their names; the same in every language."""
    return tomllib.loads((FOLDER / "equations.toml").read_text(encoding="utf-8"))


def figure(said: str, language: str) -> str:
    """A figure as English writes it, words such as "readable" among it, in another language.

    Example:
        >>> figure("readable, 1,904.5 steps", "de")
        'lesbar, 1.904,5 steps'
    """
    kept = words(language)
    decimal, thousands = kept["language"]["points"]
    marks = str.maketrans({".": decimal, ",": thousands})
    said = NUMBER.sub(lambda found: found[0].translate(marks), said)
    said = UNIT.sub("\u00a0", said)
    return re.sub("|".join(map(re.escape, kept["quality"])), lambda found: kept["quality"][found[0]], said)
