"""`data`: which data sets are on this machine, getting one, checking one."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.errors import InvvizError, TextError
from ..datasets import DATASETS, check, download
from ._show import ProgressLine
from ._site import read_site


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    verb = verbs.add_parser("data", parents=[places], help="list data sets and where they are; download or check one")
    verb.set_defaults(go=show)
    actions = verb.add_subparsers(metavar="[download NAME | check NAME]")
    for action, go, words in (
        ("download", get, "download a data set, with its checksum verified"),
        ("check", verify, "say what is there of a data set, and whether it is whole"),
    ):
        inner = actions.add_parser(action, help=words)
        inner.add_argument("name", choices=list(DATASETS))
        # Without defaults: they would overwrite what was given before the action.
        inner.add_argument("--set", action="append", default=argparse.SUPPRESS, metavar="NAME=VALUE", help="data_dir=DIR")
        inner.add_argument("--traceback", action="store_true", default=argparse.SUPPRESS)
        inner.set_defaults(go=go)


def show(args: argparse.Namespace) -> int:
    """One paragraph a data set."""
    folder = read_site(args.set).data_dir
    print(f"folder with data sets: {folder or 'none named (--set data_dir=DIR or INVVIZ_DATA)'}")
    for name in DATASETS:
        try:
            lines = check(name, folder)
        except InvvizError as err:
            lines = [f"{name}: not here", *str(err).splitlines()]
        print("\n  ".join(lines))
    return 0


def get(args: argparse.Namespace) -> int:
    """Download one data set."""
    folder = read_site(args.set).data_dir
    if folder is None:
        raise TextError("Where shall it go? Name the folder for data sets: --set data_dir=DIR, or the environment variable INVVIZ_DATA.")
    with ProgressLine() as line:
        download(args.name, folder, lambda done, total: line.show(done, total, _amount(args.name, done, total)))
    print("\n  ".join(check(args.name, folder)))
    return 0


def verify(args: argparse.Namespace) -> int:
    """Check one data set."""
    print("\n  ".join(check(args.name, read_site(args.set).data_dir)))
    return 0


def _amount(name: str, done: int, total: int | None) -> str:
    return f"{name}: {done / 1e6:.1f} MB" + (f" of {total / 1e6:.1f} MB" if total else "")
