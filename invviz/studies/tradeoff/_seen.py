"""Words for points: how much of the pictures the attacks of a point show, set against what somebody gets who sees no message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...core.errors import InvvizError
from ...engine.baseline import baseline_of
from ...metrics import Baseline, tells, word
from ...scenario import Scenario
from ._measures import Table, measure_of
from ._points import Point


def baselines(rows: Table, data_dir: Path | None) -> dict[int, Baseline]:
    """Of every victim of a sweep of one setting, by its number; without those whose data set is not on this machine."""
    found = {}
    for number, text in rows.drop_duplicates("picture")[["picture", "scenario"]].itertuples(index=False):
        scenario = Scenario.parse(str(text))
        try:
            truth, _ = scenario.data.victims(scenario.data.load(data_dir), scenario.batch)
        except InvvizError:
            continue
        if not (scenario.columns or scenario.data.modality.discrete):
            found[int(number)] = baseline_of(scenario, scenario.protocol.part(truth), data_dir)
    return found


def word_of(point: Point, rows: Table, known: Mapping[int, Baseline]) -> str:
    """The word for the means of a point over seeds and pictures; empty where there is none, or nothing to set it against.

    Args:
        point: of these rows.
        rows: of a sweep of one setting.
        known: `baselines` of the same.
    """
    kind = measure_of(point.measure)
    if kind.unit != "dB" or np.isnan(point.value.value):
        return ""
    cells = rows[rows["defense"] == point.defense]
    if point.strength == point.strength:
        cells = cells[(cells["strength_name"] == point.strength_name) & (cells["strength"] == point.strength)]
    if not kind.attacked:
        return tells(float(cells["invre"].mean())) if cells["invre"].notna().any() else ""
    if not known or not {int(n) for n in cells["picture"]} <= set(known):
        return ""
    floor = Baseline.mean_of([known[int(n)].middle for n in cells["picture"].unique()]).middle
    return word(point.value.value, _likeness(cells, kind.columns), floor)


def _likeness(cells: Table, columns: tuple[str, ...]) -> float:
    """Mean SSIM of the attack with the largest PSNR on each picture and seed."""
    best: dict[tuple[int, int], tuple[float, float]] = {}
    for row in cells.to_dict("records"):
        for name in columns:
            at, psnr = (int(row["seed"]), int(row["picture"])), float(row[name])
            if psnr > best.get(at, (-np.inf, 0.0))[0]:
                best[at] = psnr, float(row[name.replace("psnr", "ssim")])
    return float(np.mean([ssim for _, ssim in best.values()])) if best else float("nan")
