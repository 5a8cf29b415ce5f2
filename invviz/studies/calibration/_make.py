"""Computing a study: for every scenario the risk, the blind attack, and the two oracles."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.command import command
from ...core.errors import DataMissing
from ...core.lazy import torch
from ...core.record import origin, write_whole
from ...engine.assess import assess
from ...engine.attack import run
from ...engine.client import Site, meet_client
from ...engine.observe import observe
from ...engine.summary import risk_summary
from ...metrics import MSE, PSNR, SSIM, Cells
from ...risk import ideal
from ...scenario import PARTS
from . import FOLDER, TITLES, CalibrationStudy, _words
from ._grid import FLOOR, PRIORS, SEED, grid
from ._oracle import oracle, oracle_map

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...core.table import Column
    from ...engine.client import Client
    from ...engine.results import Assessment
    from ...scenario import Scenario

MOST = 200.0  # dB; stands for "no error at all"
IDEAL_SEEDS = 4


def make(name: str, folder: Path = FOLDER, site: Site | None = None) -> CalibrationStudy:
    """Compute one study and write it to `<folder>/<name>.json`.

    After every group of scenarios the points so far are kept in `<name>.part.json`; a run that was stopped goes on from there.

    Args:
        name: of the study, which is the name of its data set.
        folder: made if it is not there.
        site: folders and device; by default INVVIZ_DATA and, for trained weights, INVVIZ_STORE.

    Raises:
        DataMissing: cifar10 without INVVIZ_DATA, or not found there.
    """
    site = site or Site.from_env()
    if PARTS["data"][name].needs_folder and site.data_dir is None:
        raise DataMissing(f"the study {name} needs INVVIZ_DATA, the folder that holds the data set {name}; it is not set.")
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.part.json"
    before = CalibrationStudy.from_json(part.read_text()) if part.is_file() else None
    points: list[Any] = list(before.points) if before else []
    spent, start, groups = (before.facts["seconds"] if before else 0.0), time.monotonic(), grid(name)
    study = _study(name, points, spent)
    for number, group in enumerate(groups, 1):
        done = {p["scenario"] for p in points}
        if all(s.text() in done for s in group):
            continue
        points += _group(group, site)
        study = _study(name, points, spent + time.monotonic() - start)
        write_whole(part, study.to_json())
        sys.stderr.write(f"{name}: group {number} of {len(groups)}, {len(points)} points, {study.facts['seconds']:.0f} s\n")
    os.replace(part, folder / f"{name}.json")
    return study


def _study(name: str, points: list[Any], seconds: float) -> CalibrationStudy:
    facts = origin("1 thread", seconds)
    return CalibrationStudy(
        name,
        TITLES[name],
        command(name, module="invviz.calibration"),
        SEED,
        PRIORS[PARTS["data"][name].modality],
        FLOOR,
        facts,
        tuple(points),
    )


def _group(group: list[Scenario], site: Site) -> list[dict[str, Any]]:
    """Points of scenarios that differ in noise alone: one spectrum serves them all; of words, one count of alternatives."""
    if group[0].data.modality.discrete:
        return _words.points(group, site)
    assessment = assess(group[0], site)
    found = []
    for scenario in group:
        if scenario.key("risk") != group[0].key("risk"):
            raise ValueError(f"{scenario.text()} does not share the spectrum of {group[0].text()}.")
        begin = time.monotonic()
        found.append(_point(scenario, assessment, site))
        arms = ", ".join(f"{k} {v['psnr']:.1f}{'!' if v['failed'] else ''} ({v['seconds']:.1f} s)" for k, v in found[-1]["arms"].items())
        p = found[-1]
        sys.stderr.write(
            f"{p['model']} {p['defense']} #{p['index']}: ceiling {p['psnr_ceiling']:.1f}, ideal {p['ideal_psnr']:.1f}, {arms}; {time.monotonic() - begin:.1f} s\n"
        )
    return found


def _point(scenario: Scenario, assessment: Assessment, site: Site) -> dict[str, Any]:
    dec, truth = assessment.decomposition, assessment.truth
    summary = risk_summary(scenario, dec, assessment.size)
    sigma = summary["sigma"]
    drawn = [PSNR().score(ideal(dec, sigma, seed).clip(0, 1), truth).mean() for seed in range(IDEAL_SEEDS)]
    return {
        "scenario": scenario.text(),
        "model": scenario.model.text(),
        "defense": scenario.defense.text(),
        "index": int(scenario.data.values()["index"]),
        "sigma": sigma / assessment.size.rms,
        "invre": summary["invre"],
        "psnr_ceiling": summary["psnr_ceiling"],
        "ideal_psnr": min(MOST, float(np.mean(drawn))),
        "arms": {"attack": _attack(scenario, site), **_oracles(scenario, meet_client(scenario, site), assessment, summary)},
    }


def _attack(scenario: Scenario, site: Site) -> dict[str, Any]:
    result = run(scenario, site)
    return _arm(result.guess, result.truth, result.loss, result.failed, result.seconds, scenario.columns)


def _oracles(scenario: Scenario, client: Client, assessment: Assessment, summary: dict[str, Any]) -> dict[str, Any]:
    obs, sigma = observe(scenario, client), summary["sigma"]
    floor = max(0.0, sigma**2 - summary["noise_variance"]) ** 0.5
    searches = {
        "oracle": lambda: oracle(client, obs, scenario.seed),
        "oracle_map": lambda: oracle_map(scenario, client, obs.message, assessment.decomposition, sigma, floor),
    }
    arms = {}
    for name, look in searches.items():
        start = time.monotonic()
        found = look()
        arms[name] = _arm(found.image.cpu().numpy(), assessment.truth, found.loss, found.failed, time.monotonic() - start, scenario.columns)
    return arms


def _arm(guess: np.ndarray, truth: np.ndarray, loss: float, failed: bool, seconds: float, columns: Sequence[Column] = ()) -> dict[str, Any]:
    guess = np.nan_to_num(guess, nan=0.5).clip(0, 1).astype(np.float64)
    scores = {name: float(metric.score(guess, truth).mean()) for name, metric in (("psnr", PSNR()), ("ssim", SSIM()), ("mse", MSE()))}
    scores["psnr"] = min(MOST, scores["psnr"])
    if columns:
        scores["cells"] = float(Cells().of_rows(guess, truth, columns).mean())
    return {**scores, "loss": loss if np.isfinite(loss) else None, "failed": bool(failed), "seconds": seconds}
