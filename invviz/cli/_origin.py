"""What an audit from the command line says of where it came from: whose weights, and the files that were read, with their hashes."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path


def drawn(seed: int) -> str:
    """Whose weights an audit is of where none were loaded."""
    return f"as the code made them, with torch seeded by --seed {seed}, not loaded; say --weights FILE."


def files(**named: Path | str | None) -> list[dict[str, str]]:
    """What was read, by option: names as they were typed, and the first 16 hex digits of SHA-256; of a folder over the names and bytes of all files in it."""
    found = []
    for option, name in named.items():
        if name is None or not (path := Path(name)).exists():
            continue
        total = hashlib.sha256()
        for one in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
            if path.is_dir():
                total.update(f"{one.relative_to(path).as_posix()};".encode())
            with one.open("rb") as file:
                while piece := file.read(1 << 20):
                    total.update(piece)
        found.append({"option": option if option == "NET" else f"--{option}", "name": str(name), "sha256": total.hexdigest()[:16]})
    return found


def code_of(place: str) -> str | None:
    """The file of code that a net or a loss was taken from, where it has one."""
    source = place.rpartition(":")[0]
    return source if source.endswith(".py") else getattr(sys.modules.get(source), "__file__", None)
