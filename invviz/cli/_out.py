"""`--out`: whether something can be written there, found out before an hour of computing and not after it."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from ..core.errors import InvvizError


def path(text: str) -> Path:
    """As argparse's type: an empty name would be the present folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("name a file or folder; this one is empty")
    return Path(text)


def folder(place: Path) -> None:
    """Make a folder, and see that files can be written into it.

    Raises:
        InvvizError: it cannot be made, or nothing can be written there.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as err:
        raise InvvizError(f"{place}: {_why(place, err)}. Name another place with --out.") from err


def file(place: Path) -> None:
    """Make a file's folder, and see that the file can be written there.

    Raises:
        InvvizError: it cannot.
    """
    if place.is_dir():
        raise InvvizError(f"--out {place} cannot be written: it is a directory. Name a file, as in --out {place / 'out'}{place.suffix}.")
    try:
        folder(place.parent)
    except InvvizError as err:
        raise InvvizError(f"--out {place} cannot be written. {err}") from err


def _why(place: Path, err: OSError) -> str:
    taken = next((part for part in (place, *place.parents) if part.exists() and not part.is_dir()), None)
    return f"{taken} is a file, not a folder" if taken else f"nothing can be written there ({err.strerror or err})"
