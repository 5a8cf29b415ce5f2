"""`python -m invviz.calibration [NAME ...]`: compute the studies (all without names)."""

from __future__ import annotations

import sys

from ...core.errors import InvvizError
from . import FOLDER, STUDIES
from ._make import make

if __name__ == "__main__":
    names = sys.argv[1:] or list(STUDIES)
    if unknown := [n for n in names if n not in STUDIES]:
        sys.exit(f"unknown study {', '.join(unknown)}; known: {', '.join(STUDIES)}.")
    try:
        for name in names:
            make(name, FOLDER)
    except InvvizError as err:
        sys.exit(str(err))
    sys.stderr.write(f"studies are in {FOLDER}\n")
