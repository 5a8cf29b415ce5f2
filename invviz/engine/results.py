"""What running work reports and what finished work hands over; no computing of its own but the scores."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import MissingExtra
from ..core.modality import PICTURE, Modality
from ..core.table import Column
from ..core.types import Size
from ..core.version import __version__
from ..metrics import METRICS, Baseline, word
from ..risk import Decomposition, Trust
from ..scenario import Scenario


@dataclasses.dataclass(frozen=True, eq=False)
class Event:
    """One report of running work. `frame` and `psnr` come a few times a second, the truth being known to us and not to the attacker."""

    phase: str  # what is counted: "weights", "attack", "spectrum" (exact), "sketch", "curvature", "ladder", "solved", "shares", "train" or "clients"
    done: int
    total: int
    seconds: float
    loss: float | None = None
    psnr: float | None = None
    frame: np.ndarray | None = None  # (b, c, h, w) in [0, 1], matched to the truth
    restart: int = 0
    left: float | None = None  # seconds until this phase ends, where that is known


Reporter = Callable[[Event], bool]
"""Answering False asks the work to stop."""


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What one attack reached, with all that is needed to judge and to repeat it."""

    scenario: Scenario
    scores: dict[str, list[float] | None]  # per sample; None where an optional metric is absent
    absent: dict[str, str]  # optional metrics that are absent, and how to get them
    guess: np.ndarray
    truth: np.ndarray
    labels: np.ndarray
    guessed_labels: np.ndarray
    loss: float
    trace: tuple[tuple[int, float], ...]
    seconds: float
    steps: int
    device: str
    given: str
    threat_model: str
    note: str = ""
    failed: bool = False
    stopped: bool = False
    data_note: str = ""
    accuracy: float | None = None
    baseline: Baseline | None = None  # what needs no message, of the same pictures; None of rows of a table
    certainty: np.ndarray | None = None  # how sure the attack itself is of every cell of a row, in [0, 1], (b, columns)
    release_ms: dict[str, float] = dataclasses.field(default_factory=dict)  # what making one message takes, "bare" and "defended"

    @property
    def word(self) -> str:
        """How much of the pictures the guess shows; empty of rows of a table."""
        scores = self.scores.get("psnr"), self.scores.get("ssim")
        return "" if self.baseline is None or scores[0] is None else word(scores[0], scores[1] or math.nan, self.baseline)

    @property
    def sentences(self) -> dict[str, list[str]]:
        """Truths and guesses in words; empty where samples are none."""
        known = self.scenario.data.vocabulary
        return {"truth": [*map(known.sentence, self.truth)], "guess": [*map(known.sentence, self.guess)]} if known else {}

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures, as plain numbers and words."""
        return {
            "scenario": self.scenario.text(full=True),
            "key": self.scenario.key("run"),
            "scores": {k: v and [None if math.isnan(x) else x for x in v] for k, v in self.scores.items()},
            "word": self.word,
            "baseline": None
            if self.baseline is None
            else {k: [None if math.isnan(x) else x for x in v] for k, v in dataclasses.asdict(self.baseline).items()},
            "absent": self.absent,
            **({"sentences": self.sentences} if self.sentences else {}),
            **({} if self.certainty is None else {"certainty": np.round(self.certainty, 3).tolist()}),
            "labels": self.labels.tolist(),
            "guessed_labels": self.guessed_labels.tolist(),
            "given": self.given,
            "threat_model": self.threat_model,
            "matching_loss": self.loss if math.isfinite(self.loss) else None,
            "trace": [[s, v] for s, v in self.trace if math.isfinite(v)],
            "note": self.note,
            "failed": self.failed,
            "stopped": self.stopped,
            "data_note": self.data_note,
            "accuracy": self.accuracy,
            "seconds": round(self.seconds, 3),
            "steps": self.steps,
            "release_ms": {k: round(v, 3) for k, v in self.release_ms.items()},
            "device": self.device,
            "version": __version__,
        }


@dataclasses.dataclass(frozen=True, eq=False)
class Assessment:
    """The spectrum of a scenario's release at its batch; with the message's size it serves every noise level in closed form."""

    decomposition: Decomposition
    size: Size
    truth: np.ndarray
    labels: np.ndarray
    data_note: str = ""
    accuracy: float | None = None
    stages: tuple[Size, ...] = ()  # of the noise-free message before and after each defense that adds no noise
    trust: Trust | None = None
    why: str = ""  # how the method was chosen
    layers: tuple[tuple[str, int], ...] = ()  # parts of the message by name, and how many numbers each has
    cost: tuple[float, float] = (0.0, 0.0)  # of coloured noise: its energy and its harm to training (`ShapedNoise.cost`)
    ladder: tuple[
        tuple[float, float, float, float], ...
    ] = ()  # of coloured noise: strength, PSNR ceiling (dB), energy, harm (NaN: not known)

    solved: float | None = None  # of noise in the tangent space: `risk.psnr_solved`, in dB; None where it is not known

    @property
    def energy(self) -> float:
        """Of coloured noise: expected squared norm, over the squared norm of the message."""
        return self.cost[0]

    def facts(self) -> dict[str, Any]:
        """What is kept beside the spectrum's arrays, as plain numbers and words."""
        return {
            "decomposition": self.decomposition.facts(),
            "size": self.size.to_json(),
            "stages": [stage.to_json() for stage in self.stages],
            "trust": self.trust.to_json() if self.trust else None,
            "why": self.why,
            "layers": self.layers,
            "accuracy": self.accuracy,
            "cost": [None if math.isnan(v) else v for v in self.cost],
            "solved": self.solved,
            "ladder": [[None if math.isnan(v) else v for v in rung] for rung in self.ladder],
        }


def score(
    guess: np.ndarray, truth: np.ndarray, columns: Sequence[Column] = (), modality: Modality = PICTURE
) -> tuple[dict[str, list[float] | None], dict[str, str]]:
    """Every metric for every sample, None for an optional one whose package or weights are absent; and how to get those.

    Args:
        guess: (n, ...) in [0, 1].
        truth: likewise.
        columns: `Scenario.columns` where these are rows of a table: scores made for pictures are then NaN.
        modality: of the samples; scores that are not made for it are left out of all but rows'.
    """
    scores: dict[str, list[float] | None] = {}
    absent: dict[str, str] = {}
    for name, metric in METRICS.items():
        if not columns and not metric.made_for(modality):
            continue
        try:
            scores[name] = [float(v) for v in (metric().of_rows(guess, truth, columns) if columns else metric().score(guess, truth))]
        except MissingExtra as err:
            scores[name], absent[name] = None, str(err)
    return scores, absent
