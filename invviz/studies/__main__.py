"""`python -m invviz.studies [NAME ...] [PROCESSES]`: compute the studies (all of them, one process a core); with --amend only attacks whose key has moved."""

from __future__ import annotations

import os
import sys

from ..core.errors import InvvizError
from . import FOLDER, PLANS
from ._make import amend, make

if __name__ == "__main__":
    workers = [int(a) for a in sys.argv[1:] if a.isdigit() and int(a)]
    names = [a for a in sys.argv[1:] if not a.isdigit() and a != "--amend"] or list(PLANS)
    if unknown := [n for n in names if n not in PLANS]:
        sys.exit(f"{unknown[0]!r} is no study; known: {', '.join(PLANS)}.")
    try:
        for name in names:
            if "--amend" in sys.argv:
                amend(name)
            else:
                make(name, workers[0] if workers else os.cpu_count() or 1)
            sys.stderr.write(f"{name} is in {FOLDER}\n")
    except InvvizError as err:
        sys.exit(str(err))
