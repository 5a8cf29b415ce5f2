"""The number by which a result of each kind is listed: the functions that `scenario.kinds` names.

Each is given the scenario as the store has it, the result, and the folder of its arrays, which may have been removed. It answers None where there is no such number, and
may raise what a strange result makes it raise (`_filing.ODD`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Result = Mapping[str, Any]


def psnr(scenario: str, result: Result, folder: Path) -> float | None:
    """Mean over the batch, in dB; infinite where every picture of it is exact; None of sentences, which have none."""
    return None if "token_accuracy" in result["scores"] else _mean(result["scores"]["psnr"])


def invre(scenario: str, result: Result, folder: Path) -> float | None:
    """At the floor of the stored text, and what the defenses add where the spectrum does not hold for their noise at any strength: a text that does names one that nobody asked for."""
    from ...core.types import Size
    from ...engine.summary import noise_variance
    from ...risk import Decomposition, total_sigma
    from ...risk import invre as at
    from ...scenario import Scenario

    read, dec = Scenario.parse(scenario), Decomposition.load(folder)
    stages = [Size.from_json(stage) for stage in result["stages"]]
    added = 0.0 if read.any_noise else noise_variance(read, Size.from_json(result["size"]), stages)
    return at(dec, total_sigma(dec, read.floor, added))


def bits(scenario: str, result: Result, folder: Path) -> float | None:
    """The noise at which half of a word's bits drown, over the message's typical entry."""
    return float(result["half"])


def accuracy(scenario: str, result: Result, folder: Path) -> float | None:
    """Share of the test pictures, at the end."""
    return float(result["accuracy"])


def most_exposed(scenario: str, result: Result, folder: Path) -> float | None:
    """The highest InvRE of all clients."""
    return max((float(row["invre"]) for row in result["clients"] if row.get("invre") is not None), default=None)


def labels_told(scenario: str, result: Result, folder: Path) -> float | None:
    """Share of the labels, by the better of the two ways that need nothing of the server."""
    return max((float(share) for share in (result["hint"], result.get("trial")) if share is not None), default=None)


def flagging(scenario: str, result: Result, folder: Path) -> float | None:
    """How many detectors flag the net; None where none of them could judge it."""
    return float(len(result["flagged"])) if any(one["judged"] for one in result["detectors"].values()) else None


def _mean(values: list[Any]) -> float | None:
    """Of numbers of which infinite ones are written as words."""
    numbers = [float(value) for value in values if value is not None]
    return math.fsum(numbers) / len(numbers) if numbers and all(map(math.isfinite, numbers)) else sum(numbers) if numbers else None
