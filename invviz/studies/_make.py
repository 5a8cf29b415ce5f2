"""Computing the shipped studies: their sweeps through a store, then tables and small pictures."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from .. import __version__
from ..core.record import origin, write_whole
from ..plots.thumbs import thumb
from ..run import Site
from ..store import Store
from ..sweep import FIGURES, Progress, Sweep, compute, table
from . import FOLDER, Study
from ._plans import PLANS

if TYPE_CHECKING:
    from collections.abc import Sequence

EVERY = 20.0  # seconds between two lines about the progress


def make(name: str, workers: int, folder: Path = FOLDER) -> Study:
    """Compute what the store does not know of a study, and write `<folder>/<name>.json`.

    Args:
        name: of PLANS.
        workers: processes.
        folder: made if it is not there.
    """
    site = Site.from_env()
    store, plan = Store(site.cache_dir), PLANS[name]
    sweeps = plan.parsed()
    for sweep in sweeps:
        compute(sweep, store, site, workers, _Line(name))
    rows = pd.concat([table(sweep, store) for sweep in sweeps], ignore_index=True)
    seconds = float(rows[[c for c in FIGURES if c.endswith("_seconds")]].sum().sum())
    truths, guesses = _pictures(sweeps, store) if plan.pictures else ({}, {})
    study = Study(
        name=name,
        title=plan.title,
        command=f"python -m invviz.studies {name}",
        sweeps=tuple(sweep.text() for sweep in sweeps),
        facts={**origin(f"{workers} processes", seconds), "invviz": __version__},
        rows=rows.drop(columns=[c for c in rows if c.endswith("_seconds")]),
        truths=truths,
        guesses=guesses,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{name}.json", study.to_json())
    return study


def _pictures(sweeps: Sequence[Sweep], store: Store) -> tuple[dict[int, str], dict[str, str]]:
    """Victims by number, and what attacks got of the first seed's, by key."""
    cells = [cell for sweep in sweeps for cell in sweep.cells]
    first = cells[0].scenario.seed
    truths, guesses = {}, {}
    for cell in cells:
        for who in ("unaware", "aware"):
            arrays = store.arrays(cell.keys[who]) if cell.scenario.seed == first and who in cell.keys else {}
            if "guess" in arrays:
                truths.setdefault(cell.scenario.data.index, thumb(arrays["truth"]))
                guesses[cell.keys[who]] = thumb(arrays["guess"])
    return truths, guesses


class _Line:
    """Progress on stderr, a line now and then."""

    def __init__(self, name: str) -> None:
        self._name, self._last = name, 0.0

    def __call__(self, p: Progress) -> None:
        if time.monotonic() - self._last < EVERY:
            return
        self._last = time.monotonic()
        left = "" if p.left is None else f", {p.left / 60:.0f} min left"
        sys.stderr.write(f"{self._name}: {p.done:,} of {p.total:,} jobs{left}, {p.failed} failed ({p.doing})\n")
        sys.stderr.flush()
