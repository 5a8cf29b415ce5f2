"""Computing the grid of servers and defenses."""

from __future__ import annotations

import dataclasses
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
from . import FILE, FOLDER, Cell, Study, shipped

SEEN = 20.0  # dB from which a picture is seen
MOST = 40.0  # seconds of one processor after which a search is stopped; what it has by then counts


def make(folder: Path = FOLDER) -> None:
    """Write the study; it is written after every cell, and what is there already is kept."""
    held = shipped()
    known = {cell.key: cell for cell in (held.cells if held else ()) if not cell.why}
    cells: list[Cell] = []
    with tempfile.TemporaryDirectory() as cache:
        site = Site(None, Path(cache), "cpu")
        for server, column, scenario in wanted():
            there = known.get(scenario.key("run"))
            cells.append(dataclasses.replace(there, server=server, column=column) if there else measured(server, column, scenario, site))
            known[cells[-1].key] = cells[-1]  # two columns may be the same
            sys.stderr.write(f"{server}, {column}: {cells[-1].exact} exact, {cells[-1].seen} seen, {cells[-1].why}\n")
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / FILE, Study(tuple(cells)).to_json())
    shipped.cache_clear()


def wanted() -> Iterator[tuple[str, str, Scenario]]:
    """Name of the server, title of the column, scenario; one defense after another, those that take long last."""
    cells = {name: servers.against(name) for name in servers.liars()}
    for column in next(iter(cells.values())):
        for name, row in cells.items():
            if column in row:
                yield name, column, row[column]


def measured(server: str, column: str, scenario: Scenario, site: Site) -> Cell:
    """One cell."""
    start, text, key = time.monotonic(), scenario.text(), scenario.key("run")
    if why := " ".join(problems(scenario)):
        return Cell(server, column, text, key, why=why)
    try:
        end = time.process_time() + MOST
        scores = run(scenario, site, lambda event: time.process_time() < end).scores["psnr"] or []
        psnr = [float("-inf") if value is None or value != value else float(value) for value in scores]
    except InvvizError as err:
        return Cell(server, column, text, key, why=str(err))
    share = lambda least: sum(value >= least for value in psnr) / len(psnr)  # noqa: E731
    best = max(psnr)
    return Cell(server, column, text, key, share(EXACT), share(SEEN), best, round(time.monotonic() - start, 2))
