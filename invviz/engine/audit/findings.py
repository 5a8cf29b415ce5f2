"""What an audit finds, as plain figures and words; no pictures."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from ...core.plain import plain

GUESSED = "no more than a guess"
READ = "read to rounding"
ON_REQUEST = "Stopped on request."
NO_TIME, NOT_NEEDED, UNFIT = "no time", "not needed", "does not fit"  # why an attack was not begun
BY_RECORD, BY_MEAN, BY_ONE = (
    "most exposed record",
    "mean over the records",
    "one record, at least",
)  # what a verdict and a least noise are of


@dataclasses.dataclass(frozen=True)
class Exposure:
    """What is told of one record.

    Attributes:
        record: its number: its place in the batch, from the number of the first one on.
        ideal_psnr: expected PSNR in dB of the ideal attacker on this record; of a sketch it is at least that.
        ideal_share: of the prior's variance that the message takes away, 0 to 1; likewise.
        ideal_word: in a word; of a sketch "at least" that, or "not known"; GUESSED where guessing the middle gets as much and more.
        attacked_psnr: in dB, the best that a real attack got of this record; None where none gave an answer.
        attacked_share: of the prior's variance that this answer does without: 1 - its mean squared error over the prior's; below 0 where it is worse than guessing.
        attack: which one that was.
        blind_psnr: in dB, what guessing the middle of the bounds gets without any message.
    """

    record: int
    ideal_psnr: float
    ideal_share: float
    ideal_word: str
    attacked_psnr: float | None = None
    attacked_share: float | None = None
    attack: str = ""
    blind_psnr: float = 0.0


@dataclasses.dataclass(frozen=True)
class Tried:
    """A real attack, and what it got.

    Attributes:
        attack: its text, with what was changed of its defaults.
        psnr: in dB, of every record; none where it gave no answer.
        seconds: that it took.
        given: what it was told.
        threat_model: letter of the table in key carletti2025sok.
        note: what it says of itself.
        failed: whether it can tell itself that it failed.
        stopped: at the end of its time; on request where `note` says so.
        error: why it gave no answer, or was not tried.
        skipped: why it was not begun, in a fixed word: NO_TIME, NOT_NEEDED, UNFIT; empty where it was begun.
        word: for pictures, how much of them its answer shows (`metrics.word`, from the least to the most); empty elsewhere.
    """

    attack: str
    psnr: tuple[float, ...] = ()
    seconds: float = 0.0
    given: str = ""
    threat_model: str = ""
    note: str = ""
    failed: bool = False
    stopped: bool = False
    error: str = ""
    word: str = ""
    skipped: str = ""

    @property
    def late(self) -> bool:
        """Whether its time was too short: it was not begun for that, or stopped at its end."""
        return self.skipped == NO_TIME or (self.stopped and not self.note.startswith(ON_REQUEST))

    @property
    def overall(self) -> float:
        """PSNR of the mean squared error over the records, in dB: a mean of decibels would let one record that is right stand for many that are wrong."""
        error = sum(10 ** (-value / 10) for value in self.psnr) / len(self.psnr) if self.psnr else math.inf
        return -10 * math.log10(error) if 0 < error < math.inf else math.copysign(math.inf, 1 - error)

    @property
    def mean(self) -> float:
        """Mean PSNR over the records; minus infinity without an answer."""
        return sum(self.psnr) / len(self.psnr) if self.psnr else float("-inf")


@dataclasses.dataclass(frozen=True)
class LeastNoise:
    """The least Gaussian noise that brings the expected best down to a wanted ceiling, in place of the noise that there is.

    Attributes:
        wanted: ceiling in dB.
        sigma: standard deviation, relative to the root mean square of the message's entries; of a sketch by the cautious end of its interval. None where no noise is the answer.
        defense: its text; empty likewise.
        reason: why there is none, in words.
        by: whose expected best is brought down: BY_RECORD, or BY_MEAN where the spectrum is a sketch, which knows the least of each record alone.
        now: the same expected best at the noise that there is, in dB; of a sketch the cautious end.
        interval: between which standard deviations the least lies; of a sketch by both ends of its interval, else twice the same. None where there is no sigma.
    """

    wanted: float
    sigma: float | None = None
    defense: str = ""
    reason: str = ""
    by: str = BY_RECORD
    now: float = math.inf
    interval: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How much is told, in a word: of the most exposed record where records are ranked; else of their mean, or of a record that is known to be told more of.

    Attributes:
        by: BY_RECORD; where the spectrum is a sketch BY_MEAN or BY_ONE.
        word: "hidden" to "readable", GUESSED, READ where a real attack read the record; "not known" where a sketch's interval says nothing; "not computed".
        record: its number; None of a mean.
        psnr: expected best in dB, of BY_ONE at least that; None where there is no spectrum.
        share: of the prior's variance that the message takes away; likewise.
    """

    by: str
    word: str
    record: int | None = None
    psnr: float | None = None
    share: float | None = None


@dataclasses.dataclass(frozen=True)
class Budget:
    """What is formally promised.

    Attributes:
        epsilon: the budget; None where there is none or it is not known.
        delta: chance with which the promise may fail.
        promise: in words; "none" where nothing is promised.
        assumptions: under which it holds.
    """

    epsilon: float | None = None
    delta: float | None = None
    promise: str = "none"
    assumptions: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Findings:
    """All that an audit found; everything that it says is made of this.

    Attributes:
        facts: about net and batch: sizes, dtypes, hashes.
        scenario: settings of the computation as one line.
        settings: hash of that line and of all else that was set.
        reasons: of the validator, each as name, weight, what, repair, where.
        notes: what was assumed.
        risk: figures of the spectrum (`engine.summary.risk_summary`); None where there is none, and then `risk_error` says why.
        risk_error: in words.
        expected: what the expected best is: a bound, or why not.
        verdict: on the most exposed record, or where the order is not known on the mean.
        records: most exposed first, and those that a guess gets last; in the order of the batch where a sketch does not know the order.
        attacks: strongest first; those that were not tried last.
        strongest: place in `attacks`; None where none gave an answer.
        least_noise: None where the spectrum does not say.
        budget: formal promise.
        defense: its text; empty where there is none.
        advice: in words, each of which holds here.
        limits: in words.
        seconds: that all took.
    """

    facts: dict[str, Any]
    scenario: str
    settings: str
    reasons: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    risk: dict[str, Any] | None
    risk_error: str
    expected: str
    verdict: Verdict
    records: tuple[Exposure, ...]
    attacks: tuple[Tried, ...]
    strongest: int | None
    least_noise: LeastNoise | None
    budget: Budget
    defense: str
    advice: tuple[str, ...]
    limits: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Everything as plain numbers and words; what is infinite stands as a string, as on the command line."""
        return plain(dataclasses.asdict(self))
