"""Papers by their keys in docs/references.bib: author and year where one is named, the whole title where there is room for it."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from functools import lru_cache

from .paths import ROOT

BIB = ROOT / "docs" / "references.bib"
ACCENTS = {'"': "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303", "v": "\u030c", "u": "\u0306", "c": "\u0327"}
ACCENT = re.compile(r"""\\(["'`^~]|[vuc](?![a-zA-Z]))\s*\{?([a-zA-Z])\}?""")
KEY = re.compile(r"\b([a-z]+)(\d{4})[a-z]\w*\b")


@dataclasses.dataclass(frozen=True)
class Paper:
    """One entry: family names of its authors, "others" last where there are more than are listed."""

    authors: tuple[str, ...]
    year: str
    title: str
    where: str

    @property
    def short(self) -> str:
        """Author and year."""
        more = len(self.authors) > 2 or "others" in self.authors
        who = f"{next(iter(self.authors))} et al." if more else " and ".join(self.authors)
        return f"{who} {self.year}"

    @property
    def whole(self) -> str:
        """Author, title, where and year."""
        return f"{self.short.removesuffix(self.year).strip()}: {self.title.rstrip('?.')}. {self.where}, {self.year}."


@lru_cache(maxsize=1)
def papers() -> dict[str, Paper]:
    """All by key; none where the list did not come along."""
    try:
        return {key: _paper(entry) for key, entry in entries(BIB.read_text(encoding="utf-8")).items()}
    except OSError:
        return {}


def cite(key: str) -> str:
    """Author and year of a paper; without the list, what its key tells.

    Example:
        >>> cite("carletti2025sok"), cite("nobody1999nothing")
        ('Carletti et al. 2025', 'Nobody 1999')
    """
    if found := papers().get(key):
        return found.short
    parts = KEY.fullmatch(key)
    return f"{parts[1].capitalize()} {parts[2]}" if parts else key


def title(key: str) -> str:
    """Authors, title and year of a paper, for where a person pauses; empty without the list."""
    found = papers().get(key)
    return found.whole if found else ""


def entries(text: str) -> dict[str, str]:
    """Entries of a BibTeX file by key, each as it is written.

    Example:
        >>> entries("@book{a, title={{B} c}}  @misc{d,year={1}}")
        {'a': '@book{a, title={{B} c}}', 'd': '@misc{d,year={1}}'}
    """
    found: dict[str, str] = {}
    place = text.find("@")
    while place >= 0:
        depth, end = 0, text.find("{", place)
        if end < 0:
            break
        for end in range(end, len(text)):  # noqa: B020
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            if depth == 0:
                break
        entry = text[place : end + 1]
        found[entry[entry.find("{") + 1 :].partition(",")[0].strip()] = entry
        place = text.find("@", end)
    return found


def _paper(entry: str) -> Paper:
    people = [_read(name).partition(",")[0].strip() for name in re.split(r"\s+and\s+", _field(entry, "author"))]
    names = tuple(name if "," in _field(entry, "author") else name.split()[-1] for name in people if name)
    where = next((_read(found) for name in ("booktitle", "journal", "publisher", "institution") if (found := _field(entry, name))), "")
    return Paper(names or ("Unknown",), _read(_field(entry, "year")), _read(_field(entry, "title")), where)


def _field(entry: str, name: str) -> str:
    start = re.search(rf"\b{name}\s*=\s*\{{", entry)
    if start is None:
        return ""
    depth = 1
    for end in range(start.end(), len(entry)):
        depth += {"{": 1, "}": -1}.get(entry[end], 0)
        if depth == 0:
            return entry[start.end() : end]
    return ""


def _read(tex: str) -> str:
    """Without the marks of TeX."""
    accented = ACCENT.sub(lambda found: unicodedata.normalize("NFC", found[2] + ACCENTS[found[1]]), tex)
    plain = accented.replace("--", "–").replace("\\mathrm", "").replace("$", "").replace("\\", "")
    return re.sub(r"[{}]", "", plain).strip()
