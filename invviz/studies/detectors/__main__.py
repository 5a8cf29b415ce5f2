"""`python -m invviz.studies.detectors [SERVER ...] [--processes N] [--lines N] [--nets N]`: the honest nets that are not known yet, then these servers, or all."""

from __future__ import annotations

import argparse
import os
import sys

from ...core.errors import InvvizError
from . import FOLDER
from ._honest import LINES
from ._make import make
from ._servers import NETS, malicious

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m invviz.studies.detectors")
    parser.add_argument("servers", nargs="*", metavar="SERVER", help=f"of {', '.join(malicious())}; all of them where none is named")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--lines", type=int, default=LINES, help="of honest nets, six nets each")
    parser.add_argument("--nets", type=int, default=NETS, help="planted nets of every server and jitter")
    now = parser.parse_args()
    if unknown := [name for name in now.servers if name not in malicious()]:
        parser.error(f"{unknown[0]!r} is not known here; known: {', '.join(malicious())}.")
    if min(now.processes, now.lines, now.nets) < 1:
        parser.error("--processes, --lines and --nets take whole numbers from 1 on.")
    try:
        make(now.processes, now.lines, now.nets, now.servers or None)
        sys.stderr.write(f"the study is in {FOLDER}\n")
    except InvvizError as err:
        sys.exit(str(err))
