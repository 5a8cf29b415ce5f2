"""Prepared scenes: computed once by `python -m invviz.gallery`, shown before anything is computed."""

from __future__ import annotations

import dataclasses
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InvvizError
from ..core.types import Size
from ..risk import Decomposition
from ..scenario import Scenario

FOLDER = Path(__file__).parents[2] / "assets" / "gallery"
LEVELS = tuple(float(f"{v:.4g}") for v in np.logspace(-4, 1, 51))  # sigma over the message's rms at which the ideal picture is kept
FRAMES = 40

OPENING = "data=photos&model=lenet&defense=gaussian_noise(sigma=0.01)&attack=dlg&prior=natural&floor=0.0001"


@dataclasses.dataclass(frozen=True)
class Card:
    """One prepared scene: its folder, the words on its card, its scenario."""

    name: str
    title: str
    lesson: str
    scenario: str


CARDS = (
    Card("opening", "A little noise", "One update, 1 % noise: how much of the picture is left in it?", OPENING),
    Card(
        "no_noise",
        "No defense at all",
        "Without noise the attack comes back almost pixel by pixel.",
        "data=photos&model=lenet&attack=dlg&prior=natural&floor=0.0001",
    ),
    Card(
        "heavy_noise",
        "Noise that hides",
        "As much noise as gradient: the ideal attacker keeps a blur, the real one nothing.",
        "data=photos&model=lenet&defense=gaussian_noise(sigma=1.0)&attack=dlg&prior=natural&floor=0.0001",
    ),
    Card(
        "trained",
        "A failed attack is no safety",
        "On this trained net 1,000 steps of attack find nothing; the ideal attacker reads the picture.",
        "data=photos(index=1)&model=lenet(init='trained')&attack=dlg&prior=natural&floor=0.0001",
    ),
    Card(
        "linear",
        "No search needed",
        "A fully connected first layer gives the picture away in closed form.",
        "data=photos(index=2)&model=mlp&attack=linear_layer&prior=natural&floor=0.0001",
    ),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A prepared scene as it is kept: the attack's result, and the spectrum without its large basis."""

    card: Card
    scenario: Scenario
    result: dict[str, Any]
    summary: dict[str, Any]
    decomposition: Decomposition
    size: Size
    arrays: dict[str, np.ndarray]

    def ideal(self, sigma: float) -> np.ndarray:
        """The ideal attacker's picture at the kept noise level nearest to `sigma` (absolute std), shape (b, c, h, w)."""
        relative = max(sigma / self.size.rms, LEVELS[0])
        return self.arrays["strip"][int(np.abs(np.log(LEVELS) - np.log(relative)).argmin())].astype(np.float32) / 255


@lru_cache(maxsize=16)
def load(name: str) -> Scene | None:
    """A prepared scene, or None where it was not made or was made for other results."""
    folder = FOLDER / name
    card = next(c for c in CARDS if c.name == name)
    try:
        facts = json.loads((folder / "scene.json").read_text())
        with np.load(folder / "arrays.npz", allow_pickle=False) as kept:
            arrays = {k: kept[k] for k in kept.files}
        scenario = Scenario.parse(facts["scenario"])
    except (OSError, ValueError, KeyError, InvvizError):
        return None
    if facts["keys"] != [scenario.key("run"), scenario.key("risk")]:
        return None
    shape = tuple(facts["shape"])
    decomposition = Decomposition(basis=np.zeros((0, 0), np.float32), shape=shape, **{k: arrays[k] for k in KEPT}, **facts["decomposition"])
    return Scene(card, scenario, facts["result"], facts["summary"], decomposition, Size(**facts["size"]), arrays)


KEPT = ("singular_values", "gains", "weights", "coefficients", "tails", "mean")


def scenes() -> list[Scene]:
    """All scenes that are on this machine."""
    return [s for s in (load(c.name) for c in CARDS) if s is not None]


__all__ = ["CARDS", "FOLDER", "FRAMES", "KEPT", "LEVELS", "OPENING", "Card", "Scene", "load", "scenes"]
