"""The red team: every defense at three strengths against every attack that fits and knows it; the strongest counts.

Made by `python -m invviz.studies redteam`, kept as plain JSON without pictures, shown by Defend, Curves and docs/defenses.md.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

from ...core.errors import TextError
from ...core.paths import GALLERY
from ...core.plain import to_json
from ...core.shipped import reading
from ...defenses import Defense
from ...metrics import Baseline, word
from ...scenario import Scenario
from ..kept import HEAD, of_today, tuples
from ._plan import LEVELS, SEEDS, VICTIMS, Victim
from ._plan import cells as planned_cells
from ._words import LIMIT, beside, by, got, headline, named, strength, table

FOLDER = GALLERY / "redteam"
COMMAND = "python -m invviz.studies redteam"
MOST = 200.0  # dB; stands for "no error at all"


@dataclasses.dataclass(frozen=True)
class Attacked:
    """One cell: PSNR by attack, and what the label alone gives, without and with the picture's own mean colour."""

    scenario: Scenario
    got: Mapping[str, float]
    bar: float
    plain: float

    def word(self, psnr: float) -> str:
        """How much of the picture this PSNR shows."""
        return word(psnr, math.nan, Baseline((self.bar,), (math.nan,), (self.plain,), (math.nan,)))


@dataclasses.dataclass(frozen=True)
class Finding:
    """What the strongest attack got of one victim's pictures behind one defense at one strength.

    The strongest is chosen for each picture with the truth at hand, which no single attacker could do: it bounds those that were tried from above, and no others.

    Attributes:
        defense: None: nothing was defended.
        psnr: in dB, of every picture the strongest attack's.
        words: of every picture how much of it shows (`metrics.word`, by PSNR), set against what the label alone gives.
        bars: PSNR of that, of every picture.
        attacks: of every picture the strongest attack's name.
        tried: how many attacks there were to choose from.
        scenario: text of the attack that got most of all.
    """

    defense: Defense | None
    psnr: tuple[float, ...]
    words: tuple[str, ...]
    bars: tuple[float, ...]
    attacks: tuple[str, ...]
    tried: int
    scenario: str

    @property
    def median(self) -> float:
        """Over the pictures, in dB."""
        return statistics.median(self.psnr)

    @property
    def worst(self) -> float:
        """For the client whose picture was read best, in dB."""
        return max(self.psnr)

    @property
    def attack(self) -> str:
        """Which one got most of all."""
        return self.attacks[self.psnr.index(self.worst)]


@dataclasses.dataclass(frozen=True, eq=False)
class Redteam:
    """The study, as it is kept.

    Attributes:
        facts: date, machine, versions, seconds it took.
        cells: scenario (its attack left at the default), keys (their beginnings, by attack), bar (what the label alone gives, without and with the picture's own mean colour), PSNR by attack (None: it gave up), seconds.
    """

    facts: Mapping[str, Any]
    cells: tuple[Mapping[str, Any], ...]

    def to_json(self) -> str:
        """Plain JSON, a line a cell."""
        lines = ",\n".join(to_json(cell) for cell in self.cells)
        return f'{to_json(HEAD)[:-1]},\n"facts": {to_json(dict(self.facts))},\n"cells": [\n{lines}\n]}}\n'

    @classmethod
    def from_json(cls, text: str) -> Redteam | None:
        """Read what `to_json` wrote; None where it was made for other results.

        Raises:
            ValueError, KeyError, TypeError: not such a text.
        """
        found = of_today(text)
        return None if found is None else cls(**tuples(found))

    @cached_property
    def found(self) -> dict[str, dict[str, list[Finding]]]:
        """By victim, then by the defense's name ("none" first): a finding for every strength, the weakest first.

        A picture that was not yet attacked behind every defense is left out, so that all rows are of the same pictures.
        """
        groups: dict[tuple[str, Defense | None], list[Attacked]] = {}
        titles = {_apart(Scenario.parse(victim.base)): name for name, victim in VICTIMS.items()}
        kept: dict[tuple[str, int], list[Attacked]] = {}
        for cell in self.cells:
            s = Scenario.parse(cell["scenario"])
            if victim := titles.get(_apart(s)):
                got = {name: psnr for name, psnr in cell["got"].items() if psnr is not None}
                kept.setdefault((victim, s.data.index), []).append(Attacked(s, got, *cell["bar"]))
        for (victim, number), several in kept.items():
            if len(several) < sum(1 for _ in planned_cells(victim, number)):
                continue
            for one in several:
                groups.setdefault((victim, one.scenario.defense[0] if one.scenario.defense else None), []).append(one)
        table: dict[str, dict[str, list[Finding]]] = {name: {} for name in VICTIMS}
        for (victim, defense), pictures in groups.items():
            table[victim].setdefault(defense.name if defense else "none", []).append(_finding(defense, pictures))
        return {victim: {name: sorted(row, key=_level) for name, row in rows.items()} for victim, rows in table.items() if rows}

    def pictures(self, victim: str) -> int:
        """How many of a victim's were attacked, undefended."""
        return len(self.found[victim]["none"][0].psnr)


def alike(data: str, model: str) -> str:
    """The victim with this data set and net, gradients sent; empty where none has them.

    Args:
        data: text of the component, with any picture.
        model: text of the component.

    Example:
        >>> alike("digits(index=4)", "lenet"), alike("digits", "mlp")
        ('digits', '')
    """
    try:
        asked = Scenario.from_pairs([("data", data), ("model", model)])
    except TextError:
        return ""
    for name, victim in VICTIMS.items():
        s = Scenario.parse(victim.base)
        if not s.protocol.sends_embedding and (s.data, s.model) == (asked.data.replace(index=0), asked.model):
            return name
    return ""


def _apart(s: Scenario) -> str:
    """What tells victims apart."""
    return s.replace(data=s.data.replace(index=0), seed=0, defense=(), upload="").text()


def _finding(defense: Defense | None, pictures: list[Attacked]) -> Finding:
    from ...attacks import ATTACKS

    names = tuple(max(one.got, key=lambda name: one.got[name]) for one in pictures)
    psnr = tuple(one.got[name] for name, one in zip(names, pictures, strict=True))
    words = tuple(one.word(value) for value, one in zip(psnr, pictures, strict=True))
    best = psnr.index(max(psnr))
    s, attack = pictures[best].scenario, names[best]
    own = s.attack if s.attack.name == attack else ATTACKS[attack]()
    bars = tuple(one.bar for one in pictures)
    return Finding(defense, psnr, words, bars, names, max(len(one.got) for one in pictures), s.replace(attack=own).text())


def _level(finding: Finding) -> int:
    strength = finding.defense and getattr(finding.defense, finding.defense.strength)
    known = finding.defense.suggested.levels if finding.defense else ()
    return known.index(strength) if strength in known else len(known)


@lru_cache(maxsize=1)
def load() -> Redteam | None:
    """The study that is shipped; None where there is none, or where it was made for other results."""
    path = FOLDER / "redteam.json"
    with reading(path, COMMAND):
        return Redteam.from_json(path.read_text())
    return None


__all__ = [
    "COMMAND",
    "FOLDER",
    "LEVELS",
    "LIMIT",
    "MOST",
    "SEEDS",
    "VICTIMS",
    "Finding",
    "Redteam",
    "Victim",
    "alike",
    "beside",
    "by",
    "got",
    "headline",
    "load",
    "named",
    "strength",
    "table",
]
