"""Computing the studies that are shipped.

`python -m invviz.studies [NAME ...] [PROCESSES]`: the curves (all of them, one process a core); with --amend only attacks whose key has moved.
`python -m invviz.studies servers`: all defenses against all servers that lie, one process, about half an hour of one core; what is there already is kept.
`python -m invviz.studies redteam [PROCESSES] [--rounds N] [--victims NAME,NAME]`: every attack behind every defense, for hours; it goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
import sys

from ..core.errors import InvvizError
from . import redteam
from .plans import FOLDER, PLANS
from .plans._make import amend, make
from .redteam import _make as attacks
from .servers import FOLDER as GRID
from .servers import _make as grid

REDTEAM, SERVERS = "redteam", "servers"


def asked(words: list[str]) -> argparse.Namespace:
    """What the command line asks for; ends with a message where that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m invviz.studies")
    parser.add_argument("words", nargs="*", metavar="NAME", help=f"of {', '.join([*PLANS, REDTEAM, SERVERS])}, and a number of processes")
    parser.add_argument("--amend", action="store_true", help="only attacks whose key has moved")
    parser.add_argument("--rounds", type=int, help="redteam: pictures of each victim")
    parser.add_argument("--victims", default=",".join(redteam.VICTIMS), help=f"redteam: of {', '.join(redteam.VICTIMS)}")
    found = parser.parse_args(words)
    found.workers = next((int(w) for w in found.words if w.isdigit() and int(w)), os.cpu_count() or 1)
    found.names = [w for w in found.words if not w.isdigit()] or list(PLANS)
    for given, known in ((found.names, [*PLANS, REDTEAM, SERVERS]), (found.victims.split(","), list(redteam.VICTIMS))):
        if unknown := [n for n in given if n not in known]:
            parser.error(f"{unknown[0]!r} is not known here; known: {', '.join(known)}.")
    if found.rounds is not None and found.rounds < 1:
        parser.error(f"--rounds takes a whole number from 1 on, not {found.rounds}.")
    return found


if __name__ == "__main__":
    now = asked(sys.argv[1:])
    try:
        for name in now.names:
            if name == REDTEAM:
                attacks.make(now.workers, now.rounds, now.victims.split(","))
            elif name == SERVERS:
                grid.make()
            elif now.amend:
                amend(name)
            else:
                make(name, now.workers)
            sys.stderr.write(f"{name} is in { {REDTEAM: redteam.FOLDER, SERVERS: GRID}.get(name, FOLDER) }\n")
    except InvvizError as err:
        sys.exit(str(err))
