"""The papers behind what was used, as BibTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.papers import BIB, entries


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
