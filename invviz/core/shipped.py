"""Files that come with the package: a damaged one is named once, and its results count as not there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

_damaged: dict[Path, str] = {}


@contextlib.contextmanager
def reading(place: Path, command: str) -> Iterator[None]:
    """Reads a file or a folder that was made by a command; what is not there is passed over, what is damaged is passed over and named in `damaged`.

    Args:
        place: what is read.
        command: that makes it again.
    """
    try:
        yield
    except FileNotFoundError:
        return
    except Exception as err:  # noqa: BLE001  a damaged file raises whatever its reader happens to stumble over
        said = str(err) or type(err).__name__
        _damaged[place] = f"The prepared results {place} are damaged ({said}) and are not shown. `{command}` makes them again."
    else:
        _damaged.pop(place, None)


def damaged() -> list[str]:
    """What was found damaged so far, in words, each with the command that makes it again."""
    return list(_damaged.values())
