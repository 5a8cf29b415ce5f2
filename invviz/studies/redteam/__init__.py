"""The red team: every defense at three strengths against every attack that fits and knows it, and on later pictures against the best of them; the strongest counts.

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
from ...metrics import Baseline, rank, word
from ...scenario import Scenario
from ...scenario.families.attacks import with_attack
from ..kept import HEAD, of_today, tuples
from ._plan import FINALISTS, LEVELS, MOST, SEEDS, VICTIMS, Victim
from ._plan import cells as planned_cells
from ._words import LIMIT, beside, by, got, headline, how_many, named, ranked, strength, table, who

FOLDER = GALLERY / "redteam"
COMMAND = "python -m invviz.studies redteam"


@dataclasses.dataclass(frozen=True)
class Attacked:
    """One cell: PSNR and SSIM by attack (SSIM of those alone that were attacked since it is kept), and what the label alone gives.

    `bar`: PSNR without and with the picture's own mean colour, and SSIM likewise where it is kept.
    """

    scenario: Scenario
    got: Mapping[str, float]
    bar: tuple[float | None, ...]
    ssim: Mapping[str, float | None] = dataclasses.field(default_factory=dict)

    def word(self, psnr: float, ssim: float | None = None) -> str:
        """How much of the picture these scores show; without SSIM by PSNR alone."""
        low, plain, low_ssim, plain_ssim = (math.nan if value is None else value for value in (*self.bar, None, None)[:4])
        return word(psnr, math.nan if ssim is None else ssim, Baseline((low,), (low_ssim,), (plain,), (plain_ssim,)))

    @property
    def strongest(self) -> tuple[str, float, str]:
        """Name, PSNR and word of the attack that shows most: by the word first, then by PSNR."""
        said = {name: self.word(psnr, self.ssim.get(name)) for name, psnr in self.got.items()}
        best = max(self.got, key=lambda name: (rank(said[name]), self.got[name]))
        return best, self.got[best], said[best]


@dataclasses.dataclass(frozen=True)
class Finding:
    """What the strongest attack got of one victim's pictures behind one defense at one strength.

    The strongest is chosen for each picture with the truth at hand, which no single attacker could do: it bounds those that were tried from above, and no others.

    Attributes:
        defense: None: nothing was defended.
        psnr: in dB, of every picture the strongest attack's.
        words: of every picture how much of it shows (`metrics.word`, by PSNR and SSIM; where SSIM was not kept by PSNR alone), set against what the label alone gives.
        bars: PSNR of that, of every picture.
        attacks: of every picture the strongest attack's name.
        tried: how many attacks there were to choose from, of the picture on which there were most (the first; of others the finalists alone).
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
    def place(self) -> int:
        """Of the picture that was read best: by its word, then by PSNR."""
        return max(range(len(self.psnr)), key=lambda k: (rank(self.words[k]), self.psnr[k]))

    @property
    def worst(self) -> float:
        """For the client whose picture was read best, in dB."""
        return self.psnr[self.place]

    @property
    def attack(self) -> str:
        """Which one got most of all."""
        return self.attacks[self.place]


@dataclasses.dataclass(frozen=True, eq=False)
class Redteam:
    """The study, as it is kept.

    Attributes:
        facts: date, machine, versions, seconds it took.
        cells: scenario (its attack left at the default), keys (their beginnings, by attack), bar (what the label alone gives: PSNR without and with the picture's own mean colour,
            then SSIM likewise), got (PSNR by attack; None: it gave up), ssim (by attack; not kept of those that were run before 30 November 2026, 13:00), seconds.
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
    def attacked(self) -> dict[str, list[Attacked]]:
        """By victim the cells of pictures that were attacked behind every defense; others are left out, so that all rows are of the same pictures."""
        titles = {_apart(Scenario.parse(victim.base)): name for name, victim in VICTIMS.items()}
        kept: dict[tuple[str, int], list[Attacked]] = {}
        for cell in self.cells:
            s = Scenario.parse(cell["scenario"])
            if victim := titles.get(_apart(s)):
                got = {name: psnr for name, psnr in cell["got"].items() if psnr is not None}
                kept.setdefault((victim, s.data.index), []).append(Attacked(s, got, tuple(cell["bar"]), cell.get("ssim", {})))
        whole: dict[str, list[Attacked]] = {}
        for (victim, number), several in kept.items():
            if len(several) >= sum(1 for _ in planned_cells(victim, number)):
                whole.setdefault(victim, []).extend(several)
        return {name: whole[name] for name in VICTIMS if name in whole}

    @cached_property
    def found(self) -> dict[str, dict[str, list[Finding]]]:
        """By victim, then by the defense's name ("none" first): a finding for every strength, the weakest first."""
        table: dict[str, dict[str, list[Finding]]] = {}
        for victim, cells in self.attacked.items():
            groups: dict[Defense | None, list[Attacked]] = {}
            for one in cells:
                groups.setdefault(one.scenario.defense[0] if one.scenario.defense else None, []).append(one)
            rows = table.setdefault(victim, {})
            for defense, pictures in groups.items():
                rows.setdefault(defense.name if defense else "none", []).append(_finding(defense, pictures))
        return {victim: {name: sorted(row, key=_level) for name, row in rows.items()} for victim, rows in table.items()}

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
    names, psnr, words = zip(*(one.strongest for one in pictures), strict=True)
    bars = tuple(float(one.bar[0] or math.nan) for one in pictures)
    found = Finding(defense, psnr, words, bars, names, max(len(one.got) for one in pictures), "")
    s, attack = pictures[found.place].scenario, found.attack
    own = s if s.attack.name == attack else with_attack(s, attack)
    return dataclasses.replace(found, scenario=own.text())


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
    "FINALISTS",
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
    "how_many",
    "load",
    "named",
    "ranked",
    "strength",
    "table",
    "who",
]
