"""Calibration studies: the risk computed without any attack beside what real attacks reached, over many scenarios.

Made once by `python -m invviz.calibration`, kept as plain JSON without pictures, shown by the calibration page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from ...core.command import command
from ...core.paths import GALLERY
from ...core.plain import to_json
from ...core.shipped import reading
from ..kept import HEAD, of_today, tuples
from ._correlation import Correlation, Within, correlate, correlate_within

FOLDER = GALLERY / "calibration"
STUDIES = ("photos", "cifar10", "ecg", "adult", "notes")
TITLES = {"photos": "Photographs", "cifar10": "CIFAR-10", "ecg": "ECG (synthetic series)", "adult": "Adult (rows)", "notes": "Notes (text)"}
ARMS = {
    "attack": "attack (blind)",
    "oracle": "same search, started near the truth (oracle)",
    "oracle_map": "most likely picture, started near the truth (oracle)",
}

Point = Mapping[str, Any]
"""One scenario: scenario, model, defense ("none" or texts joined by " + "), index (of the picture), sigma (all noise, as a share of the
message's root mean square), invre, psnr_ceiling (expected over pictures), ideal_psnr (ideal attacker on this very picture), and arms:
{name: {psnr, ssim, mse, loss, failed, seconds}}. PSNR is in dB and at most 200; series and rows have no SSIM (None), rows have cells (share that is right) beside it; a loss that is not finite is None. The loss is relative to
the message (attack, oracle) or, for oracle_map, twice the negative log posterior per message entry, about 1 where the model of noise and
prior is right. Of sentences psnr_ceiling and ideal_psnr are absent, and in their place is right: the share of words that an ideal attacker who knows all other
words is expected to have right; an arm has tokens (share of words that are right), loss, failed and seconds, and there is no arm "oracle"."""


@dataclasses.dataclass(frozen=True)
class CalibrationStudy:
    """One finished study, as it is kept.

    Attributes:
        name: one of STUDIES.
        title: for people.
        command: that makes it again.
        seed: of every scenario in it.
        prior: of the risk score and of oracle_map.
        floor: of the risk score.
        facts: date, machine, versions, seconds it took.
        points: one for every scenario.
    """

    name: str
    title: str
    command: str
    seed: int
    prior: str
    floor: float
    facts: Mapping[str, Any]
    points: tuple[Point, ...]

    def to_json(self) -> str:
        """Plain JSON, one point a line, numbers with 4 significant digits."""
        head = {k: v for k, v in dataclasses.asdict(self).items() if k != "points"}
        lines = [to_json(p, digits=4) for p in self.points]
        start = to_json({**HEAD, **head}, indent=1)
        return start[:-2] + ',\n "points": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"

    @classmethod
    def from_json(cls, text: str) -> CalibrationStudy | None:
        """Read what `to_json` wrote; None where it was made for other results.

        Raises:
            ValueError, KeyError, TypeError: not such a text.
        """
        found = of_today(text)
        return None if found is None else cls(**tuples(found))


@lru_cache(maxsize=8)
def load(name: str) -> CalibrationStudy | None:
    """A study, or None where it was not made, cannot be read or was made for other results."""
    path = FOLDER / f"{name}.json"
    with reading(path, command(name, module="invviz.calibration")):
        return CalibrationStudy.from_json(path.read_text())
    return None


def studies() -> list[CalibrationStudy]:
    """All studies that are on this machine."""
    return [s for s in (load(name) for name in STUDIES) if s is not None]


def paired(points: Iterable[Point], arm: str, x: str = "psnr_ceiling", y: str = "psnr") -> tuple[list[float], list[float], list[int]]:
    """What `correlate` takes: a figure of the risk, a score of an arm, and the picture that each point is of."""
    chosen = list(points)
    return [p[x] for p in chosen], [p["arms"][arm][y] for p in chosen], [p["index"] for p in chosen]


__all__ = [
    "ARMS",
    "FOLDER",
    "STUDIES",
    "TITLES",
    "CalibrationStudy",
    "Correlation",
    "Point",
    "Within",
    "correlate",
    "correlate_within",
    "load",
    "paired",
    "studies",
]
