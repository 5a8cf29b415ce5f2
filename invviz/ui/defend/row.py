"""One row of the Defend page's grid: a defense, and what three attackers got."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from ...defenses import Stack
from .. import known

ATTACKERS = ("unaware", "aware")
MEMORY = 200  # pictures that are kept to be shown until there are new ones


@dataclasses.dataclass(frozen=True, eq=False)
class Row(known.Known):
    """One defense, or none, against three attackers."""

    @property
    def stack(self) -> Stack:
        """Its defenses."""
        return self.scenario.defense

    @property
    def name(self) -> str:
        """Titles of its defenses."""
        return self.stack.title or "No defense"

    @property
    def level(self) -> str:
        """Their strengths in words."""
        return self.stack.level()


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
            key, psnr = (plain, row.stack.usual(), who), row.got[who]
            if picture is not None and psnr is not None:
                memory.pop(key, None)
                memory[key] = Old(picture, psnr, row.level)
            elif key in memory:
                found[row, who] = memory[key]
    for key in list(memory)[:-MEMORY]:
        del memory[key]
    return found
