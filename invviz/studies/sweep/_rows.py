"""The table of a sweep: a row for every cell, whatever became of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.types import Size
from ...defenses import Stack
from ...engine.bits import Counted
from ...engine.bounds import Reason, reasons
from ...engine.summary import floor_share, noise_variance
from ...risk import invre, psnr_ceiling, total_sigma
from ...scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...jobs.store import Job, Store
    from ...risk import Decomposition
    from . import Cell, Sweep

FIGURES = (
    "accuracy", "accuracy_best", "psnr_unaware", "ssim_unaware", "psnr_aware", "ssim_aware", "cells_unaware", "cells_aware",
    "tokens_unaware", "tokens_aware", "psnr_ceiling", "invre",
    "train_seconds", "unaware_seconds", "aware_seconds", "risk_seconds",
)  # fmt: skip
WORDS = {
    "scenario": "text form", "state": "done, waiting, failed or unfit", "reason": "why not done", "data": "data set without the victim's number",
    "model": "text", "protocol": "text", "train": "text", "attack": "text", "defense": "stack without the last strength", "strength_name": "knob",
    "strength": "of the last defense", "batch": "samples", "seed": "", "picture": "victim's number",
}  # fmt: skip


def table(sweep: Sweep, store: Store) -> pd.DataFrame:
    """All that is known of a sweep, one row a cell.

    Args:
        sweep: whose cells.
        store: where its results are.

    Returns:
        Columns: those of WORDS, FIGURES (NaN where not known; accuracies, cells and words that are right as shares, PSNR in dB), bound_reasons (why psnr_ceiling, an average, is no bound;
        of cells with a spectrum), key_<name> for every job, axes by their names.
    """
    keys = list(sweep.jobs)
    results = store.results_of(keys)
    spectra = _Spectra(store, results)
    jobs = store.jobs(keys)  # after the results: those that were found damaged have failed by now
    return frame([_row(cell, jobs, results, spectra) for cell in sweep.cells])


def frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table with all columns, also where there are no rows or figures."""
    found = pd.DataFrame(rows)
    for name in FIGURES:
        found[name] = pd.to_numeric(found[name]) if name in found else math.nan
    return found


def label(defenses: Stack) -> tuple[str, str, float]:
    """Name of a stack without the strength of its last defense, that strength's knob, and its value.

    Example:
        >>> from invviz.defenses import DEFENSES, Stack
        >>> label(Stack([DEFENSES["gaussian_noise"](sigma=0.5)]))
        ('gaussian_noise', 'sigma', 0.5)
    """
    if not defenses:
        return "none", "", math.nan
    last = defenses[-1]
    plain = type(last)()
    rest = last.replace(**{last.strength: getattr(plain, last.strength)}) if last.strength else last
    strength = getattr(last, last.strength) if last.strength else math.nan
    return defenses.put(len(defenses) - 1, rest).text(), last.strength, float(strength)


def _row(cell: Cell, jobs: dict[str, Job], results: dict[str, dict[str, Any]], spectra: _Spectra) -> dict[str, Any]:
    s = cell.scenario
    defense, knob, strength = label(s.defense)
    state, reason = _state(cell, jobs, results)
    facts: dict[str, Any] = {
        "scenario": s.text(), "state": state, "reason": reason, "data": s.data.replace(index=0).text(), "model": s.model.text(),
        "protocol": s.protocol.text(), "train": s.train.text(), "attack": s.attack.text(), "defense": defense, "strength_name": knob,
        "strength": strength, "batch": s.batch, "seed": s.seed, "picture": s.data.index,
    }  # fmt: skip
    facts |= {name: value for name, value in cell.values.items() if name not in facts}
    facts |= {f"key_{name}": key for name, key in cell.keys.items()}
    known = {name: results[key] for name, key in cell.keys.items() if key in results}
    if found := known.get("train"):
        facts |= {"accuracy": found["accuracy"], "accuracy_best": found["best"], "train_seconds": found["seconds"]}
    for who in ("unaware", "aware"):
        if found := known.get(who):
            scores = found["scores"]
            facts |= {
                f"psnr_{who}": _mean(scores.get("psnr")),
                f"ssim_{who}": _mean(scores.get("ssim")),
                f"{who}_seconds": found["seconds"],
            }
            own = {"cells": "cells", "tokens": "token_accuracy"}  # of rows of a table alone, of sentences alone
            facts |= {f"{short}_{who}": _mean(scores[name]) for short, name in own.items() if scores.get(name)}
    if "risk" in known and s.data.modality.discrete:
        facts |= spectra.bits(s, cell.keys["risk"])
    elif "risk" in known:
        found = spectra.figures(s, cell.keys["risk"])
        facts |= found or spectra.lost(cell.keys["risk"], reason)
        facts["bound_reasons"] = ", ".join(one.name for one in spectra.against(s, cell.keys["risk"])) if found else ""
    return facts


def _mean(values: list[float | str | None] | None) -> float:
    """Mean over the batch; JSON holds infinite numbers as texts."""
    numbers = [float(v) for v in values or [] if v is not None]
    return float(np.mean(numbers)) if numbers else math.nan


def _state(cell: Cell, jobs: dict[str, Job], results: dict[str, dict[str, Any]]) -> tuple[str, str]:
    """What became of a cell as a whole: the worst of its jobs, in words."""
    failed = {name: jobs[key].error for name, key in cell.keys.items() if key in jobs and jobs[key].state == "failed"}
    broken = [f"{name}: {results[key]['note']}" for name, key in cell.keys.items() if key in results and results[key].get("failed")]
    reasons = [f"{name}: {why}" for name, why in {**cell.reasons, **failed}.items()] + broken
    if not cell.jobs:
        return "unfit", " ".join(reasons) or "Nothing of it is asked for: without a defense there is nothing to be aware of."
    if failed:
        return "failed", " ".join(reasons)
    waiting = [name for name, key in cell.keys.items() if key not in results]
    return ("waiting" if waiting else "done"), " ".join(reasons)


class _Spectra:
    """Figures of spectra at many noises, each spectrum opened once."""

    def __init__(self, store: Store, results: dict[str, dict[str, Any]]) -> None:
        self._store, self._results = store, results
        self._open: tuple[str, Decomposition | None] | None = None
        self._known: dict[tuple[str, float, float], dict[str, float]] = {}

    def figures(self, scenario: Scenario, key: str) -> dict[str, float]:
        """InvRE and PSNR ceiling at the scenario's noise; nothing where the arrays were removed to make room."""
        facts = self._results[key]
        variance = noise_variance(scenario, Size.from_json(facts["size"]), [Size.from_json(stage) for stage in facts["stages"]])
        which = (key, variance, scenario.floor)
        if which not in self._known:
            if self._open is None or self._open[0] != key:
                self._open = (key, self._store.spectrum(key))
            if (spectrum := self._open[1]) is None:
                return {}
            sigma = total_sigma(spectrum, scenario.floor, variance)
            self._known[which] = {
                "invre": invre(spectrum, sigma), "psnr_ceiling": psnr_ceiling(spectrum, sigma), "risk_seconds": facts.get("seconds", math.nan)
            }  # fmt: skip
        return self._known[which]

    def bits(self, scenario: Scenario, key: str) -> dict[str, float]:
        """Share of the bits of words that are learned at the scenario's noise; nothing where the arrays were removed to make room."""
        facts, arrays = self._results[key], self._store.arrays(key)
        if "gram" not in arrays:
            return {}
        every = [word for sentence in Counted.kept(scenario, facts, arrays).here for word in sentence]
        return {"invre": float(np.mean([word.invre for word in every])), "risk_seconds": facts.get("seconds", math.nan)}

    def against(self, scenario: Scenario, key: str) -> list[Reason]:
        """Why the expected best is no bound."""
        facts = self._results[key]
        size = Size.from_json(facts["size"])
        variance = noise_variance(scenario, size, [Size.from_json(stage) for stage in facts["stages"]])
        return reasons(scenario, floor_share(scenario, size, variance), facts["decomposition"]["method"])

    def lost(self, key: str, reason: str) -> dict[str, str]:
        """What to say of a cell whose spectrum could not be opened: it was damaged, or removed to make room."""
        job = self._store.job(key)
        if job is not None and job.damaged:
            return {"state": "failed", "reason": f"{reason} risk: {job.error}".strip()}
        return {"reason": f"{reason} risk: the spectrum was removed to make room; --retry computes it again.".strip()}
