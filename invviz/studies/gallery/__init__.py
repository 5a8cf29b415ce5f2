"""Prepared scenes: computed once by `python -m invviz.gallery`, shown before anything is computed."""

from __future__ import annotations

import dataclasses
import functools
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ...core.command import command
from ...core.paths import GALLERY
from ...core.plain import from_json
from ...core.shipped import reading
from ...core.types import Size
from ...risk import Decomposition
from ...risk.quadrature import Quadrature
from ...scenario import Scenario
from ..kept import of_today

FOLDER = GALLERY
LEVELS = tuple(float(f"{v:.4g}") for v in np.logspace(-4, 1, 51))  # sigma over the message's rms at which the ideal picture is kept
FRAMES = 40
PICTURES = 12  # that the Risk page compares at first
DIRECTIONS = 32  # kept as pictures, evenly spaced on a log scale

made_by = functools.partial(command, module="invviz.gallery")  # the command for a folder's name
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
        "Without noise the real attack gets the picture back, almost pixel by pixel.",
        "data=photos&model=lenet&attack=dlg&prior=natural&floor=0.0001",
    ),
    Card(
        "heavy_noise",
        "Noise that stops an attack",
        "As much noise as gradient: the real attack gets nothing, the ideal attacker something that can still be recognised.",
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
    trust: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def ideal(self, sigma: float) -> np.ndarray:
        """The ideal attacker's picture at the kept noise level nearest to `sigma` (absolute std), shape (b, c, h, w)."""
        return self.arrays["strip"][self._level(sigma)].astype(np.float32) / 255

    def between(self, sigma: float) -> np.ndarray:
        """The same at `sigma` itself, between the two kept levels beside it, over the logarithm of the noise: the ideal attacker's draw of noise is one at all levels."""
        place = float(np.interp(np.log(max(sigma / self.size.rms, LEVELS[0])), np.log(LEVELS), np.arange(len(LEVELS))))
        low = min(int(place), len(LEVELS) - 2)
        below, above = self.arrays["strip"][low : low + 2].astype(np.float32) / 255
        return below + np.float32(place - low) * (above - below)

    def known(self, sigma: float) -> np.ndarray:
        """Share of each pixel's variance that is learned, at the kept noise level nearest to `sigma`, shape (b, c, h, w) in [0, 1]."""
        return self.arrays["known"][self._level(sigma)].astype(np.float32) / 255

    def direction(self, index: int) -> np.ndarray:
        """A kept direction as a picture, shape (b, c, h, w) in [0, 1]; the one nearest to `index`."""
        place = int(np.abs(self.arrays["direction_indices"] - index).argmin())
        return self.arrays["directions"][place].astype(np.float32) / 255

    def _level(self, sigma: float) -> int:
        return int(np.abs(np.log(LEVELS) - np.log(max(sigma / self.size.rms, LEVELS[0]))).argmin())


@functools.lru_cache(maxsize=16)
def load(name: str) -> Scene | None:
    """A prepared scene, or None where it was not made or was made for other results."""
    folder = FOLDER / name
    card = next(c for c in CARDS if c.name == name)
    with reading(folder, made_by(name)):
        facts = from_json((folder / "scene.json").read_text())
        arrays = _arrays(folder)
        scenario = Scenario.parse(facts["scenario"])
        if facts["keys"] != [scenario.key("run"), scenario.key("risk")]:
            return None
        parts: dict[str, Any] = {k: arrays[k].astype(np.float64) for k in KEPT}
        d = Decomposition(basis=np.zeros((0, 0), np.float32), shape=tuple(facts["shape"]), **parts, **facts["decomposition"])
        return Scene(card, scenario, facts["result"], facts["summary"], d, Size.from_json(facts["size"]), facts["trust"], arrays)
    return None


KEPT = ("singular_values", "gains", "weights", "coefficients", "tails", "mean", "variances")


def scenes() -> list[Scene]:
    """All scenes that are on this machine."""
    return [s for s in (load(c.name) for c in CARDS) if s is not None]


@functools.lru_cache(maxsize=1)
def sketches() -> dict[str, tuple[Decomposition, dict[str, Any]]]:
    """Prepared sketches by risk key, each with the facts that a worker keeps beside one: what the Risk page compares at first."""
    folder = FOLDER / "sketches"
    with reading(folder, made_by("sketches")):
        kept = of_today((folder / "facts.json").read_text())
        if kept is None:
            return {}
        arrays = _arrays(folder)
        return {key: (_sketch(key, facts, arrays), facts) for key, facts in kept["sketches"].items()}
    return {}


def results(name: str) -> dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]]:
    """Prepared results of a page ("defended", "vertical", "attacks", "conditions") by key, arrays and facts.

    Of an attack `guess` (uint8) and its result; of a spectrum its figures, and `ideals`, the ideal attacker's picture at a few noise levels `sigmas`.
    """
    return _prepared(name)[0]


def late(name: str) -> dict[str, float]:
    """Attacks of a page that are not prepared, as they take longer than so many seconds of one processor, by key."""
    return _prepared(name)[1]


def forget() -> None:
    """Files are read again when they are next asked for."""
    _prepared.cache_clear()


@functools.lru_cache(maxsize=8)
def _prepared(name: str) -> tuple[dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]], dict[str, float]]:
    """Both in one reading, so that a folder of which one half is damaged stays named."""
    folder = FOLDER / name
    with reading(folder, made_by(name)):
        kept = of_today((folder / "facts.json").read_text())
        if kept is None:
            return {}, {}
        arrays: dict[str, dict[str, np.ndarray]] = {key: {} for key in kept["results"]}
        for inner, array in _arrays(folder).items():
            key, _, inner = inner.partition("/")
            arrays[key][inner] = array
        return {key: (arrays[key], facts) for key, facts in kept["results"].items()}, kept.get("late", {})
    return {}, {}


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    """All arrays of a folder by name.

    Raises:
        ValueError: empty, cut short, pickled or another kind of file; says which.
        FileNotFoundError: none.
    """
    path = folder / "arrays.npz"
    try:
        with np.load(path, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    except (EOFError, ValueError, zipfile.BadZipFile, zlib.error, AttributeError) as err:
        raise ValueError(f"{path.name} is no whole file of arrays") from err


def _sketch(key: str, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Decomposition:
    """One of many that are kept in one file."""
    return kept_spectrum({name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(key)}, facts["decomposition"])


def kept_spectrum(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> Decomposition:
    """A spectrum without what draws pictures: basis, coefficients and the like."""
    own = {name: array.astype(np.float64) for name, array in arrays.items()}
    inner = {name.removeprefix("quadrature_"): array for name, array in own.items() if name.startswith("quadrature_")}
    none, inputs = np.zeros(0), int(np.prod(facts["shape"]))
    parts: dict[str, Any] = {
        "basis": np.zeros((0, 0), np.float32),
        "coefficients": none,
        "tails": none,
        "variances": none,
        "mean": np.zeros(inputs),
    }
    figures: dict[str, Any] = {name: own[name] for name in ("singular_values", "gains", "weights")}
    scalars: dict[str, Any] = {**facts, "shape": tuple(facts["shape"])}
    return Decomposition(**figures, **parts, **scalars, quadrature=Quadrature(**inner) if inner else None)


__all__ = [
    "CARDS",
    "DIRECTIONS",
    "FOLDER",
    "FRAMES",
    "KEPT",
    "LEVELS",
    "OPENING",
    "PICTURES",
    "Card",
    "Scene",
    "forget",
    "kept_spectrum",
    "late",
    "load",
    "results",
    "scenes",
    "sketches",
]
