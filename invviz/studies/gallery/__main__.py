"""`python -m invviz.gallery [NAME ...] [--missing]`: compute the prepared scenes (all without names), or only what is not prepared yet."""

from __future__ import annotations

import sys

from . import CARDS, FOLDER, _attacks, _broken, _conditions, _defended, _guide, _servers, _sketches, _vertical
from ._make import make

PAGES = {
    "defended": _defended.make,
    "broken": _broken.make,
    "vertical": _vertical.make,
    "attacks": _attacks.make,
    "conditions": _conditions.make,
    "servers": _servers.make,
    "guide": _guide.make,
}

if __name__ == "__main__":
    missing = "--missing" in sys.argv
    names = [name for name in sys.argv[1:] if name != "--missing"]
    if unknown := [name for name in names if name not in (known := [*(card.name for card in CARDS), "sketches", *PAGES])]:
        sys.exit(f"{unknown[0]!r} is not known here; known: {', '.join(known)}.")
    for card in CARDS:
        if card.name in names or not (names or missing):
            make(card, FOLDER / card.name)
    if "sketches" in names or not (names or missing):
        _sketches.make(FOLDER / "sketches")
    for name, make_page in PAGES.items():
        if name in names or not names:
            make_page(FOLDER / name, missing)
    sys.stderr.write(f"scenes are in {FOLDER}\n")
