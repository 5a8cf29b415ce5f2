"""Prepared: InvL-GNP at six strengths on digits, and what attackers get who know more and more of it. The story of theory T11."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ...core.shipped import reading
from ...scenario import Scenario
from ..kept import of_today
from . import FOLDER, _arrays, made_by

NAME = "broken"
SCALES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
SHOWN = 1.0  # at first
PICTURES = tuple((37 * k % 300, k) for k in range(5))  # index among the victims and seed: of net, noise and attack
BENEATH = {"beneath": 0.01, "drowned": 0.1}  # of isotropic noise under the other, relative
VICTIM = "data=digits(index={index})&model=lenet&seed={seed}&dtype=float64"
ATTACKERS = ("unaware", "law", "tangent", "beneath", "drowned", "isotropic")
"""Who attacks what: one who does not know of InvL-GNP; one who knows it as a law, and searches as behind any noise; one who solves for it beside the picture;
the same where a little isotropic noise lies beneath it, or more; and one who knows of isotropic noise of the same energy in place of InvL-GNP."""


def scenario(attacker: str, scale: float, index: int, seed: int, isotropic: float = 0.0) -> Scenario:
    """What one of ATTACKERS faces.

    Args:
        attacker: one of ATTACKERS. What "law" faces is what `run` answers with tangent search, which is tried first: here its search alone is asked.
        scale: of InvL-GNP.
        index: of the picture.
        seed: of net, noise and attack.
        isotropic: for "isotropic": sigma of the noise that has the same energy.
    """
    noise = f"defense=invl_gnp(scale={scale})"
    if attacker in BENEATH:
        noise = f"defense=gaussian_noise(sigma={BENEATH[attacker]})&{noise}"
    elif attacker == "isotropic":
        noise = f"defense=gaussian_noise(sigma={isotropic:.3g})"
    attack = "tangent" if attacker in ("tangent", *BENEATH) else "dlg"
    knows = "unaware" if attacker == "unaware" else "aware"
    return Scenario.parse(f"{VICTIM.format(index=index, seed=seed)}&{noise}&attack={attack}&attacker={knows}")


@dataclasses.dataclass(frozen=True, eq=False)
class Got:
    """What one attacker got of one picture behind one strength.

    Attributes:
        scenario: in text form.
        psnr: in dB.
        ssim: of the same picture.
        loss: matching loss that it ended at.
        exact: whether it certified its answer.
        seconds: that it took.
        guess: shape (1, 1, 8, 8), uint8.
    """

    scenario: str
    psnr: float
    ssim: float
    loss: float
    exact: bool
    seconds: float
    guess: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Cell:
    """One picture behind one strength.

    Attributes:
        scale: of InvL-GNP.
        place: of the picture among PICTURES.
        got: by attacker.
        ideal: the ideal attacker's expected best in dB, who knows the law of the noise.
        isotropic_ideal: the same behind isotropic noise of the same energy.
        energy: of the noise, over the message's.
        missed: how far the message lies from what another picture with any such noise could have sent, over the message's size without noise: the median of
            pictures whose PSNR to the true one is NEAR dB.
    """

    scale: float
    place: int
    got: Mapping[str, Got]
    ideal: float
    isotropic_ideal: float
    energy: float
    missed: float


NEAR = 30.0  # dB: pictures that are hardly to be told from the true one


@dataclasses.dataclass(frozen=True, eq=False)
class Story:
    """All cells, and the true pictures, shape (1, 1, 8, 8) each, with the scores of what needs no message (fields of `metrics.Baseline`)."""

    cells: Sequence[Cell]
    truths: Sequence[np.ndarray]
    baselines: Sequence[Mapping[str, Any]]

    def at(self, scale: float) -> list[Cell]:
        """The cells of one strength, in the order of PICTURES."""
        return [cell for cell in self.cells if cell.scale == scale]

    def psnr(self, attacker: str, scale: float) -> np.ndarray:
        """PSNR in dB of every picture, in the order of PICTURES."""
        return np.array([cell.got[attacker].psnr for cell in self.at(scale)])


@lru_cache(maxsize=1)
def load() -> Story | None:
    """The story, or None where it was not made, is damaged or was made for other results."""
    folder = FOLDER / NAME
    with reading(folder, made_by(NAME)):
        kept = of_today((folder / "facts.json").read_text())
        if kept is None or kept["keys"] != keys():
            return None
        arrays = _arrays(folder)
        guesses, truths = arrays["guesses"], arrays["truths"]
        cells = []
        for cell, pictures in zip(kept["cells"], guesses, strict=True):
            got = {name: Got(**cell["got"][name], guess=picture[None]) for name, picture in zip(ATTACKERS, pictures, strict=True)}
            own: dict[str, Any] = {**cell, "got": got}
            cells.append(Cell(**own))
        return Story(cells, [truth[None] for truth in truths], kept["baselines"])
    return None


def keys() -> list[str]:
    """Keys of one run of each kind: another one where such runs have other results by now."""
    return [scenario(name, SHOWN, *PICTURES[0], isotropic=1.0).key("run") for name in ATTACKERS]


__all__ = ["ATTACKERS", "BENEATH", "NAME", "NEAR", "PICTURES", "SCALES", "SHOWN", "Cell", "Got", "Story", "keys", "load", "scenario"]
