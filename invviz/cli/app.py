"""`app`: the pages in a browser."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Any

from ..core.paths import ROOT
from ..jobs.private import python_path

MORE = "All other options are those of `streamlit run`, such as --server.port 8600 --server.address 0.0.0.0."


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    app = verbs.add_parser("app", parents=[every], help="open the pages in a browser", epilog=MORE)
    app.set_defaults(go=_app, takes_more=True)


def _app(args: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), *args.more]
    return subprocess.call(command, env={**os.environ, "PYTHONPATH": python_path()})
