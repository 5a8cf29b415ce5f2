"""The stop on what protection costs: noise on digits, from the shipped study.

Whoever knows the noise can run any program, so the better of two counts: one takes the message as it is, one allows for the noise and expects pictures whose neighbours
look alike (`attacks._priors.smoothness`). Behind this much noise the second is the worse one here, on every picture and seed of the study: it finds what it looks for, a
picture that is more likely under that expectation than the digit itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.figures import percent
from ...engine.baseline import baseline_of
from ...scenario import Scenario
from ...studies import plans
from ._scene import Picture, Scene, in_short

STUDY, DEFENSE, PICTURE = "digits", "gaussian_noise", 0
STRENGTH = 0.9146  # of the noise that is the answer; the page Curves opens with it
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
    kept = [_got(rows[(rows["strength"] == level) & (rows["picture"] == PICTURE)]) for level in levels]
    if not all(kept):
        return None
    scenario = Scenario.parse(str(rows[rows["picture"] == PICTURE]["scenario"].iloc[0]))
    truth = plans.picture(study.truths[PICTURE])
    base = baseline_of(scenario, truth[:, : scenario.shape[0]], None)
    best = [max(got.values(), key=lambda one: one.psnr) for got in kept]
    lost = np.array([right.iloc[-1] - right[level] for level in levels])
    answer = int(np.argmax(lost <= ALLOWED))
    said = {who: in_short(one.psnr, one.ssim, base) for who, one in kept[answer].items()}
    figures = {
        "accuracy": percent(right.iloc[-1]),
        **said,
        "best": in_short(best[answer].psnr, best[answer].ssim, base),
        "least": in_short(best[0].psnr, best[0].ssim, base),
        "points": f"{100 * lost[0]:.0f}",
    }
    scale = tuple(
        Picture("plain", one.guess, percent(level), "accuracy", percent(right[level])) for one, level in zip(best, levels, strict=True)
    )
    after = (Picture("aware", best[answer].guess, figures["best"]),)
    return Scene(figures, answer, before=(Picture("truth", truth),), after=after, scale=scale, without=base)


def _got(cells: Any) -> dict[str, plans.Kept]:
    """What each program got in the first seed's cell, where a picture of it was kept."""
    cell = cells[cells["seed"] == cells["seed"].min()].iloc[0]
    known = [who for who in ("unaware", "aware") if cell[f"psnr_{who}"] == cell[f"psnr_{who}"]]
    found = {who: plans.kept(str(cell[f"key_{who}"])) for who in known}
    return {who: one for who, one in found.items() if one}
