"""`work`: compute what waits in the store, or what comes in through a pipe."""

from __future__ import annotations

import argparse
from typing import Any

from ..core.errors import TextError
from ._site import read_site

KINDS = ("run", "risk", "sketch", "train", "clients", "labels")


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    worker = verbs.add_parser("work", parents=[places], help="compute what waits in the store, until told to end")
    worker.add_argument("--store", metavar="PATH", help="as --set store=PATH")
    worker.add_argument("--once", action="store_true", help="end when nothing waits")
    worker.add_argument("--kinds", default=",".join(KINDS), help=f"what to compute, with commas (default: {','.join(KINDS)})")
    worker.add_argument("--parent", type=int, metavar="PID", help="end when the process that started this one is gone")
    worker.add_argument("--pipe", action="store_true", help="take jobs from stdin and answer on stdout; nothing is written to the store")
    worker.set_defaults(go=work)


def work(args: argparse.Namespace) -> int:
    """Work until told to end."""
    kinds = args.kinds.split(",")
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise TextError(f"unknown kind {unknown[0]!r}; known: {', '.join(KINDS)}.")
    site = read_site(args.set, store=args.store)
    from .. import worker
    from ..store import Store
    from ..worker import _pipe

    if args.pipe:
        _pipe.serve(site)
    else:
        worker.work(Store(site.cache_dir), site, once=args.once, kinds=kinds, parent_pid=args.parent)
    return 0
