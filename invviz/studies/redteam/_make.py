"""Attacking cell by cell, round by round, so that a study that was stopped is an even one of fewer pictures.

A victim's first picture by every attack that fits, the others by those few that got most of the first (`_plan.finalists`).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import InvvizError
from ...core.lazy import torch
from ...core.record import origin, write_whole
from ...core.version import __version__
from ...engine.attack import run
from ...engine.baseline import baseline_of, guess_by_labels
from ...engine.client import Site
from ...scenario import Scenario
from ...scenario.families.attacks import everyone
from . import FOLDER, MOST, Redteam
from ._plan import VICTIMS, cells, finalists, first_of

EVERY = 30.0  # seconds between two times that what is known is kept


def make(
    workers: int = 1, rounds: int | None = None, victims: Iterable[str] = VICTIMS, folder: Path = FOLDER, site: Site | None = None
) -> Redteam:
    """Attack what is not known yet, and write `<folder>/redteam.json`.

    What is known is kept while it goes on, and a run that was stopped goes on from there. Of a cell only attacks that are new, or have another key since, are run again,
    and the best of those whose SSIM was not kept.

    Args:
        workers: processes of one thread.
        rounds: pictures of each victim, at most those of the plan; None: all of the plan.
        victims: names of VICTIMS.
        folder: made if it is not there.
        site: folders and device; by default those of the environment, on the CPU, where nets as small as these are quickest.
    """
    site = site or Site(Site.from_env().data_dir, Site.from_env().cache_dir, "cpu")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "redteam.json"
    before = Redteam.from_json(path.read_text()) if path.is_file() else None
    known = {cell["scenario"]: cell for cell in before.cells} if before else {}
    spent, start, last = (before.facts["seconds"] if before else 0), time.monotonic(), time.monotonic()

    def keep() -> Redteam:
        found = Redteam(
            facts={**origin("processes of one thread", spent + time.monotonic() - start), "invviz": __version__},
            cells=tuple(known.values()),
        )
        write_whole(path, found.to_json())
        return found

    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=fresh, initializer=_alone) as pool:
        for turn in planned(rounds, victims):  # one after the other: who attacks later pictures is known from the first
            waiting = [(s, names) for s in turn if (names := [*lacking(s, known), *unscored(s, known)])]
            running = [pool.submit(attacked, s, site, names) for s, names in waiting]
            for done, future in enumerate(as_completed(running), 1):
                cell = future.result()
                known[cell["scenario"]] = merged(known.get(cell["scenario"]), cell)
                if time.monotonic() - last > EVERY:
                    last = time.monotonic()
                    keep()
                    sys.stderr.write(f"{done} of {len(waiting)} cells of this round, {last - start:.0f} s: {cell['scenario']}\n")
    return keep()


def planned(rounds: int | None = None, victims: Iterable[str] = VICTIMS) -> list[list[Scenario]]:
    """The cells in the order in which they are attacked, a list a round: the first picture of every victim before the second of any."""
    most = max(victim.rounds for victim in VICTIMS.values())
    turns = range(most if rounds is None else min(rounds, most))
    return [[s for name in victims if number < VICTIMS[name].rounds for s in cells(name, number)] for number in turns]


def lacking(s: Scenario, known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names of the attacks that are to be run on a cell: of those that shall, the ones that are not known of it, or have another key since.

    Args:
        s: the cell.
        known: cells by the scenario's text.
    """
    keys, first = known.get(s.text(), {}).get("keys", {}), first_of(s)
    best = None if s == first else finalists(known.get(first.text(), {}).get("got", {}))
    return [name for name, one in everyone(s).items() if (best is None or name in best) and keys.get(name) != short(one)]


def unscored(s: Scenario, known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Finalists whose SSIM was not kept: it makes some cells readable that are not by PSNR alone. Arguments as of `lacking`."""
    cell = known.get(s.text(), {"got": {}})
    return [name for name in finalists(cell["got"]) if name not in cell.get("ssim", {}) and name not in lacking(s, known)]


def short(one: Scenario) -> str:
    """The beginning of the key of an attack's result, in the present version of results."""
    return one.key("run")[:8]


def attacked(s: Scenario, site: Site, names: Sequence[str]) -> dict[str, Any]:
    """What these attacks get of one cell, and seconds in all: PSNR in dB and SSIM by name (None: it gave up with an error); and the bar (see `bar`)."""
    start, got, ssim, keys = time.monotonic(), {}, {}, {}
    for name, one in everyone(s).items():
        if name not in names:
            continue
        keys[name] = short(one)
        try:
            found = run(one, site)
        except InvvizError:  # said by the attack itself: it cannot work on this message
            got[name] = ssim[name] = None
            continue
        psnr = (found.scores["psnr"] or [None])[0]
        got[name] = None if psnr is None else round(float(np.clip(psnr, -MOST, MOST)), 2)
        ssim[name] = known((found.scores.get("ssim") or [None])[0])
    return {
        "scenario": s.text(),
        "keys": keys,
        "bar": bar(s, site),
        "got": got,
        "ssim": ssim,
        "seconds": round(time.monotonic() - start, 1),
    }


def known(score: float | None) -> float | None:
    """A score for JSON, which has no NaN."""
    return None if score is None or not np.isfinite(score) else round(float(score), 4)


def bar(s: Scenario, site: Site) -> list[float | None]:
    """What the label alone gives of a cell's picture: PSNR in dB of the best of the mean public picture of its class, the mean of all and any flat grey; the same with the picture's own mean colour among them; then SSIM likewise.

    Attackers here are told the label, and some know public pictures: where a message says nothing, they answer with the mean of the class.
    """
    truth = s.protocol.part(s.data.load(site.data_dir).victims.take([s.data.index])[0])
    found = baseline_of(s, truth, site.data_dir).or_better(guess_by_labels(s, 1, site.data_dir).astype(truth.dtype), truth)
    return [round(found.psnr[0], 2), round(found.plain_psnr[0], 2), known(found.ssim[0]), known(found.plain_ssim[0])]


def merged(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, Any]:
    """A cell with what came to it."""
    if old is None:
        return dict(new)
    return {
        **new,
        "keys": {**old["keys"], **new["keys"]},
        "got": {**old["got"], **new["got"]},
        "ssim": {**old.get("ssim", {}), **new.get("ssim", {})},
        "seconds": round(old["seconds"] + new["seconds"], 1),
    }


def _alone() -> None:
    """One thread a process, behind everything else that the machine does."""
    os.nice(19)
    torch.set_num_threads(1)


__all__ = ["attacked", "lacking", "make", "merged", "planned", "short", "unscored"]
