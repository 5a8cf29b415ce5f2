"""Which steps of a search are kept to be looked at, where nobody knows beforehand how many there will be."""

from __future__ import annotations

LEAST = 40  # steps that are kept of a search with at least as many; always fewer than twice that


def stride(step: int) -> int:
    """Length of the spans of steps of which one is kept each, once a search has come so far; spans of a longer search hold whole ones of a shorter.

    Example:
        >>> [stride(step) for step in (1, 79, 80, 160, 442)]
        [1, 1, 2, 4, 8]
    """
    return 1 << max(0, (step // LEAST).bit_length() - 1)
