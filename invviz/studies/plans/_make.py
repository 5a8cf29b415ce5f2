"""Computing the shipped studies: their sweeps through a store, then tables and small pictures."""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...charts.thumbs import thumb
from ...core.command import command
from ...core.errors import InvvizError
from ...core.plain import from_json, to_json
from ...core.record import origin, write_whole
from ...core.version import __version__
from ...engine.attack import run
from ...engine.client import Site
from ...jobs.store import Store
from ..sweep import FIGURES, Progress, Sweep, compute, table
from . import FOLDER, Study, load
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
        command=command(name, module="invviz.studies"),
        sweeps=tuple(sweep.text() for sweep in sweeps),
        facts={**origin(f"{workers} processes", seconds), "invviz": __version__},
        rows=rows.drop(columns=[c for c in rows if str(c).endswith("_seconds")]),
        truths=truths,
        guesses=guesses,
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{name}.json", study.to_json())
    return study


def amend(name: str) -> Study:
    """Attack again where the key of a run has moved since a study was shipped, and write the study with those figures; all the rest stays as it is.

    After every attack what is known is kept in `<name>.part.json`; a run that was stopped goes on from there.

    Args:
        name: of PLANS.

    Raises:
        InvvizError: there is no such study, or its plan has other cells.
    """
    site, known = Site.from_env(), load().get(name)
    cells = {cell.scenario.text(): cell for sweep in PLANS[name].parsed() for cell in sweep.cells}
    if known is None or set(known.rows["scenario"]) != set(cells):
        raise InvvizError(
            f"{name} is not in {FOLDER} with the cells of its plan; make it anew with {command(name, module='invviz.studies')}."
        )
    rows: list[dict[str, Any]] = known.rows.to_dict("records")  # type: ignore[assignment]
    old = [
        (row, who)
        for row in rows
        for who in ("unaware", "aware")
        if (now := cells[row["scenario"]].keys.get(who)) and row[f"key_{who}"] != now
    ]
    part, guesses = FOLDER / f"{name}.part.json", dict(known.guesses)
    done: dict[str, Any] = from_json(part.read_text()) if part.is_file() else {}
    first, start = rows[0]["seed"], time.monotonic()
    for count, (row, who) in enumerate(old, 1):
        cell = cells[row["scenario"]]
        key = cell.keys[who]
        if key not in done:
            found = run(cell.jobs[who][1], site)
            scores = {score: float(np.mean(found.scores[score] or np.nan)) for score in ("psnr", "ssim")}
            done[key] = {**scores, "guess": thumb(found.guess) if known.guesses and row["seed"] == first else ""}
            write_whole(part, to_json(done))
            sys.stderr.write(
                f"{name}: {count} of {len(old)} again, {time.monotonic() - start:.0f} s: {done[key]['psnr']:.1f} dB, {who}, {cell.scenario.text()}\n"
            )
        guesses.pop(row[f"key_{who}"], None)
        row[f"key_{who}"] = key
        row |= {f"{score}_{who}": done[key][score] for score in ("psnr", "ssim")}
        if done[key]["guess"]:
            guesses[key] = done[key]["guess"]
    before: Any = known.facts.get("amended", {"attacks": 0, "seconds": 0.0})
    spent, count = before["seconds"] + time.monotonic() - start, before["attacks"] + len(old)
    facts = {**known.facts, "amended": {**origin("1 process", spent), "attacks": count, "invviz": __version__}}
    table = pd.DataFrame(rows).drop(columns=[c for c in rows[0] if c.endswith("_seconds")])
    study = dataclasses.replace(known, rows=table, guesses=guesses, facts=facts)
    write_whole(FOLDER / f"{name}.json", study.to_json())
    part.unlink(missing_ok=True)
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
