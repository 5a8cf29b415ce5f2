"""The stop on what protection costs: noise on digits, from the shipped study."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.figures import percent
from ...engine.baseline import baseline_of
from ...metrics import quality
from ...scenario import Scenario
from ...studies import plans
from ._scene import Picture, Scene

STUDY, DEFENSE, PICTURE = "digits", "gaussian_noise", 0
ALLOWED = 0.01  # of accuracy that may be lost
STEPS = 4  # strengths of noise on the scale, from the most; then none


def cost() -> Scene | None:
    """How much noise one point of accuracy pays for; None where the study is not on this machine."""
    study = plans.load().get(STUDY)
    if study is None:
        return None
    rows: Any = study.rows
    rows = rows[rows["defense"].isin(["none", DEFENSE])].fillna({"strength": 0.0})
    right = rows.groupby("strength")["accuracy"].mean().sort_index(ascending=False)
    levels = [*right.index[:STEPS], right.index[-1]]
    kept = [_strongest(rows[(rows["strength"] == level) & (rows["picture"] == PICTURE)]) for level in levels]
    if any(one is None for one in kept):
        return None
    scenario = Scenario.parse(str(rows[rows["picture"] == PICTURE]["scenario"].iloc[0]))
    truth = plans.picture(study.truths[PICTURE])
    base = baseline_of(scenario, truth[:, : scenario.shape[0]], None)
    said = [quality(one.psnr, one.ssim, base) for one in kept if one]
    lost = np.array([right.iloc[-1] - right[level] for level in levels])
    answer = int(np.argmax(lost <= ALLOWED))
    figures = {"accuracy": percent(right.iloc[-1]), "got": said[answer], "least": said[0], "points": f"{100 * lost[0]:.0f}"}
    scale = tuple(Picture("plain", one.guess, percent(right[level]), "accuracy") for one, level in zip(kept, levels, strict=True) if one)
    best = kept[answer]
    assert best is not None
    return Scene(
        figures,
        answer,
        before=(Picture("truth", truth),),
        after=(Picture("strongest", best.guess, said[answer]),),
        scale=scale,
    )


def _strongest(cells: Any) -> plans.Kept | None:
    """What the stronger attack got in the first seed's cell; None where no picture of it was kept."""
    cell = cells[cells["seed"] == cells["seed"].min()].iloc[0]
    known = [who for who in ("unaware", "aware") if cell[f"psnr_{who}"] == cell[f"psnr_{who}"]]
    who = max(known, key=lambda one: float(cell[f"psnr_{one}"]), default=None)
    return None if who is None else plans.kept(str(cell[f"key_{who}"]))
