"""Shipped files of studies: each says for which results it was made, and one that was made for others counts as not there."""

from __future__ import annotations

from typing import Any

from ..core.plain import from_json
from ..scenario import RESULTS_VERSION

VERSION = "results_version"
HEAD = {VERSION: RESULTS_VERSION}
"""What every such file begins with."""


def of_today(text: str) -> dict[str, Any] | None:
    """What a file holds, as `core.plain.to_json` wrote it, without its version; None where it was made for other results.

    Raises:
        ValueError, KeyError, TypeError: not such a text.
    """
    found = from_json(text)
    return found if found.pop(VERSION) == RESULTS_VERSION else None


def tuples(facts: dict[str, Any]) -> dict[str, Any]:
    """The same with tuples in place of lists, of which JSON knows no other kind; inner ones stay lists."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
