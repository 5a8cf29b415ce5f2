"""`store`: what results take on the disk, making room, keeping some whatever happens."""

from __future__ import annotations

import argparse
from typing import Any

from ..jobs.store import Store, limit, parsed
from ._site import known_jobs, read_site


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    verb = verbs.add_parser("store", parents=[places], help="what results take on the disk; make room there, or keep some whatever happens")
    verb.add_argument(
        "--prune",
        nargs="?",
        const="",
        metavar="SIZE",
        help="remove what was not used for longest until the store takes at most SIZE (as in 300MB; without it, the limit)",
    )
    verb.add_argument("--pin", nargs="+", default=[], metavar="KEY", help="keep these results whatever happens")
    verb.add_argument("--unpin", nargs="+", default=[], metavar="KEY", help="no longer")
    verb.set_defaults(go=show)


def show(args: argparse.Namespace) -> int:
    """Pin, prune, then one line a part."""
    store = Store(read_site(args.set).cache_dir)
    known_jobs(store, [*args.pin, *args.unpin])
    store.pin(args.pin)
    store.pin(args.unpin, keep=False)
    if args.prune is not None:
        gone = store.make_room(parsed(args.prune) if args.prune else None)
        print(f"removed: {gone:,}")
    use, most = store.use(), limit()
    print(f"store: {store.path}")
    for name, size in (
        ("results", use.arrays),
        ("database", use.database),
        ("weights", use.weights),
        ("training", use.training),
        ("damaged", use.damaged),
    ):
        print(f"  {name:9} {size / 1e6:10,.1f} MB")
    print(f"  {'in all':9} {use.total / 1e6:10,.1f} MB, limit {'none' if most is None else f'{most / 1e6:,.0f} MB'} (INVVIZ_STORE_LIMIT)")
    print(f"{use.results:,} results, {use.pinned:,} pinned")
    return 0
