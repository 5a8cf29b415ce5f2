"""`python -m invviz.equal [PROCESSES]`: compute the study (2 processes by default)."""

from __future__ import annotations

import sys

from ...core.errors import InvvizError
from . import FOLDER
from ._make import WORKERS, make

if __name__ == "__main__":
    asked = sys.argv[1] if len(sys.argv) > 1 else str(WORKERS)
    if not asked.isdigit() or not int(asked):
        sys.exit(f"{asked!r} is not a number of processes; write python -m invviz.equal 2.")
    try:
        make(workers=int(asked))
    except InvvizError as err:
        sys.exit(str(err))
    sys.stderr.write(f"the study is in {FOLDER}\n")
