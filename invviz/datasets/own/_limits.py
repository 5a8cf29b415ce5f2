"""How much is read of files that people hand over, and how a refusal is said."""

from __future__ import annotations

import dataclasses
import os
from typing import BinaryIO

from ...core.errors import UploadError


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is read at most; what takes more is refused before it is unpacked.

    Attributes:
        size: bytes of a file.
        unpacked: bytes of all arrays together.
        arrays: in one file; pictures in a folder.
        columns: of a table.
    """

    size: int = 4_000_000_000
    unpacked: int = 4_000_000_000
    arrays: int = 10_000
    columns: int = 100_000


OWN_DISK = Limits()
"""Of files that lie on the disk of who reads them."""


def amount(count: float) -> str:
    """Bytes, in words."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.4g} {unit}"
    return f"{count:,.0f} bytes"


def shown(text: str) -> str:
    """Words out of a file as they stand in an error: cut off, and nothing that moves a terminal's cursor. A page makes them inert, too."""
    plain = "".join(c if c.isprintable() else "?" for c in text[:200])
    return plain + "..." * (len(text) > 200)


def refused(file: str, what: str, remedy: str) -> UploadError:
    """An error in one form.

    Args:
        file: its name, as the user wrote it.
        what: was given; the rest of a sentence that begins with the name.
        remedy: a sentence or more.
    """
    return UploadError(f"{shown(file)}: {what}. {remedy}")


def sized(file: BinaryIO, name: str, most: int) -> int:
    """Bytes of a file, which is then at its start.

    Raises:
        UploadError: none, or too many.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size == 0:
        raise refused(name, "the file is empty", "Save it again.")
    if size > most:
        raise refused(name, f"the file has {amount(size)}, and at most {amount(most)} are read", "Take fewer records, or smaller ones.")
    return size
