"""`work`: compute what waits in the store, or what comes in through a pipe."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import TextError
from ..scenario import Scenario
from ..scenario.kinds import askable
from ._site import known_jobs, read_site

if TYPE_CHECKING:
    from ..jobs.store import Store


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    worker = verbs.add_parser("work", parents=[places], help="compute what waits in the store, until told to end")
    worker.add_argument("--store", metavar="PATH", help="as --set store=PATH")
    worker.add_argument("--once", action="store_true", help="end when nothing waits")
    worker.add_argument(
        "--again",
        nargs="+",
        default=[],
        metavar="KEY",
        help="first put these jobs, which failed or whose results were damaged or removed, into the queue again",
    )
    worker.add_argument("--kinds", default=",".join(askable()), help="what to compute, with commas (default: %(default)s)")
    worker.add_argument(
        "--most",
        type=float,
        metavar="SECONDS",
        help="only what takes at most so long, by its price when it was queued, and of those for whom nothing else is computed",
    )
    worker.add_argument("--parent", type=int, metavar="PID", help="end when the process that started this one is gone")
    worker.add_argument("--pipe", action="store_true", help="take jobs from stdin and answer on stdout; nothing is written to the store")
    worker.add_argument(
        "--background",
        action="store_true",
        help="at the lowest priority, or INVVIZ_NICE (0 to 19): everything else on this machine goes first",
    )
    worker.set_defaults(go=work)


def work(args: argparse.Namespace) -> int:
    """Work until told to end."""
    kinds = args.kinds.split(",")
    if unknown := sorted(set(kinds) - set(askable())):
        raise TextError(f"unknown kind {unknown[0]!r}; known: {', '.join(askable())}.")
    site = read_site(args.set, store=args.store)
    if args.background and hasattr(os, "nice"):
        os.nice(_niceness())
    from ..jobs import worker
    from ..jobs.store import Store
    from ..jobs.worker import _pipe

    if args.pipe:
        from ..report.audit import uploaded

        _pipe.serve(site, {"audit": uploaded})
        return 0
    store = Store(site.cache_dir)
    keys = _again(store, args.again)
    worker.work(store, site, once=args.once, kinds=kinds, parent_pid=args.parent, most=args.most)
    jobs = store.jobs(keys)
    for key, job in jobs.items():
        print(f"{key}: {job.state}{': ' * bool(job.error)}{job.error}", file=sys.stderr)
    return int(any(job.state == "failed" for job in jobs.values()))


def _niceness() -> int:
    """How far a worker in the background stands back, by INVVIZ_NICE: 19 (as far as can be) where nothing else is said, 0 where it shall not."""
    given = os.environ.get("INVVIZ_NICE", "")
    return min(int(given), 19) if given.isdigit() else 19


def _again(store: Store, keys: Sequence[str]) -> list[str]:
    """Put jobs into the queue again.

    Raises:
        InvvizError: there is no such job.
    """
    jobs = known_jobs(store, keys, "--again ")
    for job in jobs.values():
        if job.state == "done":
            store.whole(job.key)  # where nobody has looked yet
        store.submit(job.kind, Scenario.parse(job.scenario), "cli")
    return list(jobs)
