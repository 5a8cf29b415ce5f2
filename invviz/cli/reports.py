"""`report`: results of the store as one file."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..core.errors import InvvizError, TextError
from . import _out
from ._site import read_site

FORMS = ("html", "md", "csv", "json")
KEYS = """A KEY is the key of a result or of a sweep, the beginning of one (6 characters or more), or a scenario or sweep as text; of a
scenario its attack, risk score and training are told, as far as they are in the store. HTML is one file with pictures that needs
neither network nor script; Markdown has the words and tables; CSV a row a result; JSON everything but the arrays.
A stored result that is damaged is set aside and named, on stderr, too; the exit code is then 1, and the report is written all the same."""


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    verb = verbs.add_parser(
        "report",
        parents=[places],
        help="results of the store as one file: HTML, Markdown, CSV or JSON",
        epilog=KEYS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("keys", metavar="KEY", nargs="+")
    verb.add_argument("--to", choices=FORMS, help="form (default: by the ending of --out, md where there is none)")
    verb.add_argument("--out", type=_out.path, metavar="FILE", help="write there instead of to stdout")
    verb.set_defaults(go=show)


def show(args: argparse.Namespace) -> int:
    """Collect and write."""
    from ..jobs.store import Store
    from ..report import FORMS as WRITERS
    from ..report import collect

    ending = args.out.suffix.removeprefix(".") if args.out else ""
    if ending and ending not in FORMS and not args.to:
        raise TextError(
            f"--out {args.out}: no report ends with .{ending}. Write one that ends with {', '.join('.' + f for f in FORMS)}, or say its form with --to."
        )
    form = args.to or ending or "md"
    found = collect(Store(read_site(args.set).cache_dir), args.keys)
    text = WRITERS[form](found)
    damaged = [entry.job.error for entry in found.entries if entry.job.damaged]
    for words in damaged:
        print(words, file=sys.stderr)
    if args.out is None:
        print(text, end="" if text.endswith("\n") else "\n")
        return int(bool(damaged))
    _out.file(args.out)
    try:
        args.out.write_text(text, encoding="utf-8")
    except OSError as err:
        raise InvvizError(f"The report cannot be written to {args.out}: {err.strerror or err}. Name another file with --out.") from err
    return int(bool(damaged))
