"""Memory that nobody uses any more goes back to the system: glibc keeps what large files took, for the next ones."""

from __future__ import annotations

import contextlib
import ctypes
import sys

ARENAS, TRIM, MAP = -8, -1, -3  # of mallopt, as glibc numbers them
LARGE = (
    1 << 17
)  # bytes from which on memory is mapped by itself, and goes back the moment it is let go; by itself glibc raises that with every large file


def keep_little() -> None:
    """Of memory that is let go little is kept: once, when a server starts, before threads have heaps of their own; does nothing where the system's library cannot."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            for name, value in ((ARENAS, 1), (MAP, LARGE), (TRIM, LARGE)):
                ctypes.CDLL(None).mallopt(name, value)


def give_back() -> None:
    """Takes a few milliseconds; does nothing where the system's library cannot."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
