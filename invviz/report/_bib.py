"""The papers behind what was used, as BibTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

BIB = Path(__file__).parents[2] / "docs" / "references.bib"


def cited(papers: Mapping[str, Sequence[str]], path: Path | None = None) -> tuple[tuple[str, ...], str]:
    """BibTeX entries of papers, and what is to be said about those that are not there.

    Args:
        papers: keys, with the components that stand on each.
        path: the file; None for that of the checkout.
    """
    where = path or BIB
    try:
        known = entries(where.read_text(encoding="utf-8"))
    except OSError:
        listed = ", ".join(f"{key} ({', '.join(names)})" for key, names in papers.items())
        return (
            (),
            f"The list of references (docs/references.bib) comes with the source code and is not on this machine. Papers used: {listed}.",
        )
    absent = [f"{key} ({', '.join(names)})" for key, names in papers.items() if key not in known]
    note = f"Not in docs/references.bib: {', '.join(absent)}." if absent else ""
    return tuple(f"% {', '.join(names)}\n{known[key]}" for key, names in papers.items() if key in known), note


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
