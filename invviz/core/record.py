"""What computed studies say of their making, and how they are written."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path


def origin(hands: str, seconds: float) -> dict[str, object]:
    """When, on what and how long something was computed.

    Args:
        hands: what of the machine was used, such as "2 processes".
        seconds: of computing.
    """
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {hands}",
        "python": platform.python_version(),
        "torch": importlib.metadata.version("torch"),
        "seconds": round(seconds),
    }


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.replace(fresh, path)
