"""The paper's noises against isotropic noise and water-filling where they cost the same accuracy, or the same energy.

Made once by `python -m invviz.equal`, kept as plain JSON without pictures, shown by the Defend page. InvL-ENP protects embeddings and is
left out: there is no vertical protocol.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ...core.paths import GALLERY
from ...core.plain import to_json
from ...core.shipped import reading
from ..kept import HEAD, of_today, tuples
from ._grid import TITLES
from ._sums import BASELINE
from ._words import headline, misled, sentence, void

FOLDER = GALLERY / "equal"
COMMAND = "python -m invviz.equal"


@dataclasses.dataclass(frozen=True)
class EqualCostStudy:
    """The study, as it is kept.

    Attributes:
        command: that makes it again.
        scenario: of the first picture and seed, without a defense and with the unaware attacker.
        pictures: places among the victims.
        seeds: of weights, order of the clients, noise and attack.
        training: rounds, clients a round (one sample each), lr, evaluations whose mean is the accuracy, rounds between two of them.
        resamples: of the intervals.
        facts: date, machine, versions, seconds it took.
        bare: without a defense, like an arm of one strength.
        arms: by name of the defense: strengths; accuracy by strength and seed; unaware, aware and ceiling (PSNR in dB) and energy by
            strength, seed and picture; curve, the same figures at every strength as [value, low, high].
        points: kind ("accuracy" or "energy"), target and arms, what `compare` says of every defense there.
    """

    command: str
    scenario: str
    pictures: tuple[int, ...]
    seeds: tuple[int, ...]
    training: Mapping[str, Any]
    resamples: int
    facts: Mapping[str, Any]
    bare: Mapping[str, Any]
    arms: Mapping[str, Any]
    points: tuple[Mapping[str, Any], ...]

    def to_json(self) -> str:
        """Plain JSON, numbers with 4 significant digits."""
        parts = {**HEAD, **{f.name: getattr(self, f.name) for f in dataclasses.fields(self)}}
        lines = [f'"{name}": {to_json(value, digits=4)}' for name, value in parts.items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> EqualCostStudy | None:
        """Read what `to_json` wrote; None where it was made for other results.

        Raises:
            ValueError, KeyError, TypeError: not such a text.
        """
        found = of_today(text)
        return None if found is None else cls(**tuples(found))

    def point(self, kind: str, target: float) -> Mapping[str, Any]:
        """What is known of every defense where it costs that much."""
        return next(p["arms"] for p in self.points if p["kind"] == kind and p["target"] == target)

    def targets(self, kind: str) -> list[float]:
        """The costs at which defenses were compared."""
        return [p["target"] for p in self.points if p["kind"] == kind]


@lru_cache(maxsize=1)
def load() -> EqualCostStudy | None:
    """The study, or None where it was not made, cannot be read or was made for other results."""
    path = FOLDER / "study.json"
    with reading(path, COMMAND):
        return EqualCostStudy.from_json(path.read_text())
    return None


__all__ = ["BASELINE", "COMMAND", "FOLDER", "TITLES", "EqualCostStudy", "headline", "load", "misled", "sentence", "void"]
