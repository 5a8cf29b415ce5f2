"""`python -m invviz.gallery [NAME ...]`: compute the prepared scenes (all without names)."""

from __future__ import annotations

import sys

from . import CARDS, FOLDER, _attacks, _conditions, _defended, _sketches, _vertical
from ._make import make

if __name__ == "__main__":
    for card in CARDS:
        if len(sys.argv) == 1 or card.name in sys.argv[1:]:
            make(card, FOLDER / card.name)
    if len(sys.argv) == 1 or "sketches" in sys.argv[1:]:
        _sketches.make(FOLDER / "sketches")
    if len(sys.argv) == 1 or "defended" in sys.argv[1:]:
        _defended.make(FOLDER / "defended")
    if len(sys.argv) == 1 or "vertical" in sys.argv[1:]:
        _vertical.make(FOLDER / "vertical")
    if len(sys.argv) == 1 or "attacks" in sys.argv[1:]:
        _attacks.make(FOLDER / "attacks")
    if len(sys.argv) == 1 or "conditions" in sys.argv[1:]:
        _conditions.make(FOLDER / "conditions")
    sys.stderr.write(f"scenes are in {FOLDER}\n")
