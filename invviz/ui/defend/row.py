"""One row of the Defend page's grid: a defense, and what three attackers got."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from ... import defended
from ...metrics import PSNR
from ...scenario import Scenario, problems
from ...store import Job
from .. import strength
from ..views import Figures, RiskView

ATTACKERS = ("unaware", "aware")
MEMORY = 200  # pictures that are kept to be shown until there are new ones


@dataclasses.dataclass(frozen=True, eq=False)
class Attack:
    """What one attacker got of one row, is getting, or could get."""

    scenario: Scenario
    result: dict[str, Any] | None = None
    guess: np.ndarray | None = None
    job: Job | None = None

    @property
    def psnr(self) -> float | None:
        """Mean over the batch, in dB."""
        return None if self.result is None else float(np.mean(self.result["scores"]["psnr"]))

    @property
    def left(self) -> bool:
        """Whether it is still to be run, and nobody is at it."""
        whole = self.result is not None and not self.result["stopped"]
        return not (whole or (self.job is not None and self.job.active)) and not problems(self.scenario)


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """One defense, or none, against three attackers."""

    scenario: Scenario
    unfit: str  # why its parts do not fit together, in words
    unscored: str  # why its spectrum is not computed
    attacks: dict[str, Attack]
    view: RiskView | None
    job: Job | None  # after the spectrum
    truth: np.ndarray

    @property
    def stack(self) -> defended.Stack:
        """Its defenses."""
        return self.scenario.defense

    @property
    def name(self) -> str:
        """Titles of its defenses."""
        return " + ".join(d.title for d in self.stack) or "No defense"

    @property
    def level(self) -> str:
        """Their strengths in words."""
        return " + ".join(strength.label(d, getattr(d, d.strength)) for d in self.stack)

    @functools.cached_property
    def sigma(self) -> float:
        """All noise on a message entry."""
        assert self.view is not None
        return self.view.sigma(self.scenario)

    @functools.cached_property
    def figures(self) -> Figures | None:
        """InvRE and ceiling."""
        return None if self.view is None else self.view.figures(self.sigma)

    @functools.cached_property
    def ideal(self) -> np.ndarray | None:
        """The ideal attacker's picture."""
        return None if self.view is None else _ideal(self.scenario.key("risk"), self.view.decomposition.method, self.sigma, self.view)

    @functools.cached_property
    def ideal_psnr(self) -> float | None:
        """Of this very picture, in dB."""
        return None if self.ideal is None else float(PSNR().score(self.ideal, self.truth).mean())

    @property
    def got(self) -> dict[str, float | None]:
        """PSNR by attacker."""
        return {**{who: self.attacks[who].psnr for who in ATTACKERS}, "ideal": self.ideal_psnr}

    @property
    def best(self) -> float | None:
        """What the best attacker got, as far as it is known."""
        known = [psnr for psnr in self.got.values() if psnr is not None]
        return max(known) if known else None

    @property
    def jobs(self) -> list[Job]:
        """All that are after something of it."""
        found = [*(attack.job for attack in self.attacks.values()), self.job]
        return [job for job in found if job is not None]


@dataclasses.dataclass(frozen=True, eq=False)
class Old:
    """What a row showed at another strength of its defense, until it is known at this one."""

    picture: np.ndarray
    psnr: float
    level: str


def remembered(shown: Sequence[Row]) -> dict[tuple[Row, str], Old]:
    """What rows showed last at another strength, for those of which nothing is known at this one, by row and attacker."""
    memory: dict[Any, Old] = st.session_state.setdefault("defend memory", {})
    found = {}
    for row in shown:
        plain = row.scenario.replace(defense=(), attacker="unaware")
        pictures = {**{who: attack.guess for who, attack in row.attacks.items()}, "ideal": row.ideal}
        for who, picture in pictures.items():
            key, psnr = (plain, tuple(d.name for d in row.stack), who), row.got[who]
            if picture is not None and psnr is not None:
                memory.pop(key, None)
                memory[key] = Old(picture, psnr, row.level)
            elif key in memory:
                found[row, who] = memory[key]
    for key in list(memory)[:-MEMORY]:
        del memory[key]
    return found


@st.cache_resource(max_entries=400, show_spinner=False)
def _ideal(key: str, method: str, sigma: float, _view: RiskView) -> np.ndarray:
    return _view.draw(sigma).clip(0, 1)
