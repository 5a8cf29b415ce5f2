"""The command line: the same verbs as the pages."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from ..core.command import quoted
from ..core.errors import InvvizError, ScenarioError, TextError
from ..core.version import __version__
from . import app, audit, compute, convert, data, export, inspect, isotropic, labels, parts, reports, store, sweeps, workers

ABOUT = """See how much of private data a federated-learning update gives away, and what a defense costs.

A SCENARIO is one line of text; parts that are left out take their defaults:
  "data=photos(index=3)&model=lenet&defense=gaussian_noise(sigma=0.01)&attack=dlg&seed=7"
"""
EXITS = """Results go to stdout, progress to stderr. Exit: 0 ok, 1 failed, 2 the scenario does not fit or cannot be read.
JSON holds the strings "inf" and "-inf" for infinite numbers (the PSNR of a perfect guess) and null for unknown ones."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: arguments without the program's name; None takes the process's own.

    Returns:
        The exit code.
    """
    args, args.more = parser().parse_known_args(argv)
    args.typed = " ".join([_called(), *map(quoted, sys.argv[1:] if argv is None else argv)])
    if args.more and not getattr(args, "takes_more", False):
        parser().error(f"unrecognized arguments: {' '.join(args.more)}")
    try:
        code = args.go(args)
        sys.stdout.flush()
        return int(code)
    except KeyboardInterrupt:
        return _say("stopped.", 130)
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as err:  # the outermost place: people read a message, not a traceback
        if args.traceback:
            traceback.print_exc()
        if isinstance(err, (TextError, ScenarioError)):
            return _say(str(err), 2)
        if isinstance(err, InvvizError):
            return _say(str(err), 1)
        if isinstance(err, OSError) and err.filename and err.strerror:
            other = "Check its name, the room on the disk and your right to write there; --out, --set store=DIR and --set data_dir=DIR name other places."
            return _say(f"{err.filename} cannot be used: {err.strerror}. {other}", 1)
        return _say(f"{type(err).__name__}: {err} (--traceback shows where)", 1)


def parser() -> argparse.ArgumentParser:
    """Verbs and their options."""
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--traceback", action="store_true", help="show where an error arose")
    places = argparse.ArgumentParser(add_help=False, parents=[every])
    places.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="data_dir=DIR (else INVVIZ_DATA), store=DIR (else INVVIZ_STORE, else ~/.invviz), device=auto|cpu|cuda; may be repeated",
    )
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(_called(), description=ABOUT, epilog=EXITS, formatter_class=raw)
    top.add_argument("--version", action="version", version=__version__)
    verbs = top.add_subparsers(metavar="VERB", required=True)
    for folder in (app, parts, compute, isotropic, labels, inspect, sweeps, reports, audit, convert, export, data, store, workers):
        folder.add(verbs, every, places)
    return top


def _called() -> str:
    """As what it was called: by its own command, where it was installed, or as a module."""
    return "invviz" if Path(sys.argv[0]).stem == "invviz" else "python -m invviz"


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
