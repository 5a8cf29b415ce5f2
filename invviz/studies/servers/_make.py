"""Computing the grid of servers and defenses."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ...core.errors import InvvizError
from ...core.record import write_whole
from ...engine.attack import run
from ...engine.client import Site
from ...metrics import EXACT
from ...scenario import Scenario, problems
from ...scenario.families import servers
from . import FILE, FOLDER, TURNS, Batch, Cell, Study, shipped

SEEN = 20.0  # dB from which a picture is seen
MOST = 40.0  # seconds of one processor after which a search is stopped; what it has by then counts


def make(folder: Path = FOLDER) -> None:
    """Write the study; it is written after every turn, and what is there already is kept.

    One batch of every cell comes before the second of any, so that a study that was stopped is an even one of fewer batches.
    """
    held = shipped()
    known = {one.key: one for cell in (held.cells if held else ()) for one in cell.batches if one.best is not None}
    rows: dict[tuple[str, str], list[Batch]] = {}
    with tempfile.TemporaryDirectory() as cache:
        site = Site(None, Path(cache), "cpu")
        for turn in range(TURNS):
            for server, column, scenario, place in wanted(turn):
                one = known.get(scenario.key("run")) or measured(scenario, site, place)
                known[scenario.key("run")] = one  # two columns may be the same
                rows.setdefault((server, column), []).append(one)
                sys.stderr.write(f"{turn + 1} of {TURNS}: {server}, {column}: {one.exact} exact, {one.seen} seen, {one.why}\n")
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / FILE, Study(tuple(Cell(*names, tuple(each)) for names, each in rows.items())).to_json())
    shipped.cache_clear()


def wanted(turn: int) -> Iterator[tuple[str, str, Scenario, int | None]]:
    """Name of the server, title of the column, scenario, and which picture the server is after, if it is one; one defense after another, those that take long last."""
    cells = {name: servers.against(name, turn) for name in servers.liars()}
    for column in next(iter(cells.values())):
        for name, row in cells.items():
            if column in row:
                data = row[column].data
                yield name, column, *servers.aimed(row[column], data.victims(data.load(None), row[column].batch)[1].tolist())


def measured(scenario: Scenario, site: Site, place: int | None = None) -> Batch:
    """One batch; of a server that is after one picture that picture alone."""
    start, text, key = time.monotonic(), scenario.text(), scenario.key("run")
    if why := " ".join(problems(scenario)):
        return Batch(text, key, why=why)
    try:
        end = time.process_time() + MOST
        scores = run(scenario, site, lambda event: time.process_time() < end).scores["psnr"] or []
        psnr = [float("-inf") if value is None or value != value else float(value) for value in scores]
        psnr = psnr if place is None else [psnr[place]]
    except InvvizError as err:
        return Batch(text, key, why=str(err))
    share = lambda least: sum(value >= least for value in psnr) / len(psnr)  # noqa: E731
    return Batch(text, key, share(EXACT), share(SEEN), max(psnr), round(time.monotonic() - start, 2))
