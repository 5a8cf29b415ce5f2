"""`train` and `sweep`: what protection costs, measured by training."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core import plain
from ..core.errors import InvvizError, TextError
from ..core.remaining import in_words
from ..engine.bounds import HELD
from ..scenario import Scenario
from . import _out
from ._show import ProgressLine, to_json
from ._site import read_site

if TYPE_CHECKING:
    import pandas as pd

    from ..studies.sweep import Progress, Sweep

SUFFIXES = (".parquet", ".csv", ".json")
SHOWN = ("defense", "strength", "seed", "picture", "accuracy", "psnr_unaware", "psnr_aware", "psnr_ceiling", "invre", "state")
GRIDS = """An AXIS is NAME=value,value: a part (defense=none,gaussian_noise(sigma=0.01..1/6)), a setting (seed=0..2) or a knob
(train.alpha=0.1,1,10; data.index=0..4; model.width=4,8). 0.01..1/6 stands for 6 numbers of equal ratio, 0..2 for 0, 1, 2.
A sweep that was stopped or killed goes on where it was when the same command is given again."""


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verbs."""
    trainer = verbs.add_parser(
        "train", parents=[places], help="federated training through the scenario's defended release; prints the accuracy"
    )
    trainer.add_argument("scenario", metavar="SCENARIO")
    trainer.add_argument("--json", action="store_true", help="as JSON, with the accuracy at every evaluation")
    trainer.set_defaults(go=show_train)
    sweeper = verbs.add_parser(
        "sweep",
        parents=[places],
        help="train and attack a scenario varied along axes",
        epilog=GRIDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweeper.add_argument("scenario", metavar="SCENARIO")
    sweeper.add_argument("axes", metavar="AXIS", nargs="*")
    sweeper.add_argument("--what", default="train,unaware,aware,risk", help="what is computed of every cell (default: %(default)s)")
    sweeper.add_argument("--workers", type=int, metavar="N", help="processes on this machine (default: one a core)")
    sweeper.add_argument(
        "--ray", nargs="?", const="", metavar="ADDRESS", help="compute on a Ray cluster; without ADDRESS, on one of this machine"
    )
    sweeper.add_argument("--out", type=_out.path, metavar="FILE", help=f"write the table: {', '.join(SUFFIXES)}")
    sweeper.add_argument("--retry", action="store_true", help="try again what failed")
    sweeper.add_argument("--dry-run", action="store_true", help="say what would be computed and how long that may take, and end")
    sweeper.add_argument("--json", action="store_true", help="print the table as JSON")
    sweeper.set_defaults(go=show_sweep)


def show_train(args: argparse.Namespace) -> int:
    """Train and print."""
    from ..engine.training import train
    from ..jobs.worker import set_threads

    scenario, site = Scenario.parse(args.scenario), read_site(args.set)
    with ProgressLine() as line:
        set_threads("train")
        found = train(scenario, site, line.report)
    if args.json:
        print(to_json(found.to_json()))
        return 0
    print(f"{found.scenario.text()}\n")
    for done, accuracy, loss in found.history:
        print(f"round {done:>6,}  accuracy {100 * accuracy:5.1f} %  loss {loss:.4f}")
    print(f"\naccuracy {100 * found.accuracy:.1f} % (mean of the last evaluations), best {100 * found.best:.1f} %")
    print(f"{found.rounds:,} rounds, {found.trained_on:,} pictures, {found.seconds:.1f} s")
    if spent := found.privacy:
        print(f"dp_sgd: {spent.words()}")
    for text in (found.note, found.data_note):
        if text:
            print(f"note: {text}")
    return 0


def show_sweep(args: argparse.Namespace) -> int:
    """Compute a sweep and print its table."""
    from ..jobs.store import Store
    from ..studies.sweep import Sweep, compute, estimate, table

    if args.out and args.out.suffix not in SUFFIXES:
        raise TextError(f"--out {args.out}: write a file that ends with {', '.join(SUFFIXES)}.")
    if args.workers is not None and args.workers < 1:
        raise TextError(f"--workers {args.workers}: write a number from 1 on.")
    sweep, site = Sweep.of(args.scenario, args.axes, args.what.split(",")), read_site(args.set)
    store, workers = Store(site.cache_dir), args.workers or os.cpu_count() or 1
    left, seconds, known = estimate(sweep, store, workers)
    print(
        f"{_many(len(sweep.cells), 'cell')}, {_many(left, 'job')} to compute, {'about' if known else 'perhaps'} {in_words(seconds)} with {_many(workers, 'worker')}",
        file=sys.stderr,
    )
    if args.dry_run:
        return 0
    if args.out:
        _out.file(args.out)
    with ProgressLine() as line:
        tell = lambda p: line.show(p.done, p.total, _words(p))  # noqa: E731
        if args.ray is not None:
            from ..studies.sweep.ray import compute_on_ray

            compute_on_ray(sweep, store, site, args.ray or None, args.workers, tell, args.retry)
        else:
            compute(sweep, store, site, workers, tell, args.retry)
    return _hand_over(table(sweep, store), sweep, args)


def _hand_over(rows: pd.DataFrame, sweep: Sweep, args: argparse.Namespace) -> int:
    if args.out:
        write(rows, args.out)
    if args.json:
        print(to_json({"sweep": sweep.text(), "rows": rows.to_dict("records")}))
    else:
        print(rows[[name for name in SHOWN if name in rows]].to_string(index=False, float_format="{:.4g}".format))  # type: ignore[arg-type]
    if not args.json and "bound_reasons" in rows and rows.psnr_ceiling.notna().any():
        why = list(dict.fromkeys(name for said in rows.bound_reasons.dropna() for name in said.split(", ") if name))
        print(f"psnr_ceiling: an average over pictures and noise, {'not a bound: ' + ', '.join(why) if why else HELD}")
    for reason, count in rows.loc[rows.state.isin(["failed", "unfit"]), "reason"].value_counts().items():
        print(f"{_many(count, 'cell')} not computed: {reason}", file=sys.stderr)
    return 0


def write(rows: pd.DataFrame, path: Path) -> None:
    """A table as Parquet (pandas, DuckDB, R), CSV or JSON, by the file's name; infinite numbers stay infinite, in JSON as "inf" and "-inf"."""
    try:
        if path.suffix == ".parquet":
            rows.to_parquet(path, index=False)
        elif path.suffix == ".csv":
            rows.to_csv(path, index=False)
        else:
            path.write_text(plain.to_json(rows.to_dict("records"), indent=1) + "\n", encoding="utf-8")
    except (OSError, ValueError, ImportError) as err:
        raise InvvizError(
            f"The table cannot be written to {path}: {err} Its results are in the store; give the same command with another --out."
        ) from err


def _words(p: Progress) -> str:
    left = "" if p.left is None or not math.isfinite(p.left) else f", about {in_words(p.left)} left"
    return f"{p.done:,} of {p.total:,} jobs{left}" + (f", {p.failed} failed" if p.failed else "") + (f" ({p.doing})" if p.doing else "")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
