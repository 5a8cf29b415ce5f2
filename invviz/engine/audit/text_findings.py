"""What an audit of sentences finds, as plain figures and words; no sentence is in it."""

from __future__ import annotations

import dataclasses
from typing import Any

from ...core.plain import plain
from .findings import ON_REQUEST, Budget


@dataclasses.dataclass(frozen=True)
class Sentence:
    """What is told of one sentence.

    Attributes:
        record: its number: its place in the batch, from the number of the first one on.
        words: that it has.
        bits: learned of each of its words by whoever knows all others, (words,); empty where they were not counted.
        sure: probability of the most likely word at each place, on average over the noise, (words,); likewise.
        share: of the bits of its words that are learned, 0 to 1; None where they were not counted.
        right: how often the most likely word is the true one, on average over its words; likewise.
        read: share of its words that the best real attack has right, each at its place; None where none gave an answer.
        anywhere: ROUGE-1 of that answer: how many words are right wherever they stand.
        exact: whether that answer is the sentence, with nothing more and nothing less.
        attack: which one that was.
    """

    record: int
    words: int
    bits: tuple[float, ...] = ()
    sure: tuple[float, ...] = ()
    share: float | None = None
    right: float | None = None
    read: float | None = None
    anywhere: float | None = None
    exact: bool = False
    attack: str = ""


@dataclasses.dataclass(frozen=True)
class Counted:
    """Bits that the message tells of words, each alone, all others being known.

    Attributes:
        noise: standard deviation of all noise on an entry, floor included, over the message's root mean square.
        sigma: the same in the message's own units.
        entropy: bits of a word before any message, every word of the vocabulary alike.
        bits: learned of a word, on average over all words.
        share: the same over the entropy: InvRE of words.
        right: how often the most likely word is the true one.
        levels: noise levels of the curve, over the message's root mean square.
        curve: bits learned of a word there.
        half: noise level at which half of the bits are learned.
        places: words that were counted.
    """

    noise: float
    sigma: float
    entropy: float
    bits: float
    share: float
    right: float
    levels: tuple[float, ...]
    curve: tuple[float, ...]
    half: float
    places: int


@dataclasses.dataclass(frozen=True)
class Tried:
    """A real attack, and what it got.

    Attributes:
        attack: its text.
        read: share of the words of every sentence that are right, each at its place; none where it gave no answer.
        anywhere: ROUGE-1 of every sentence: the same wherever they stand.
        exact: which sentences it has word by word, with nothing more and nothing less.
        seconds: that it took.
        given: what it was told.
        threat_model: letter of the table in key carletti2025sok.
        note: what it says of itself.
        failed: whether it can tell itself that it failed.
        stopped: at the end of its time; on request where `note` says so.
        error: why it gave no answer, or was not tried.
        skipped: why it was not begun, in a fixed word; empty where it was begun.
    """

    attack: str
    read: tuple[float, ...] = ()
    anywhere: tuple[float, ...] = ()
    exact: tuple[bool, ...] = ()
    seconds: float = 0.0
    given: str = ""
    threat_model: str = ""
    note: str = ""
    failed: bool = False
    stopped: bool = False
    error: str = ""
    skipped: str = ""

    @property
    def mean(self) -> float:
        """Share of words that are right, on average over sentences; -1 without an answer."""
        return sum(self.read) / len(self.read) if self.read else -1.0

    @property
    def late(self) -> bool:
        """Whether it was stopped at the end of its time, not by anybody."""
        return self.stopped and not self.note.startswith(ON_REQUEST)


@dataclasses.dataclass(frozen=True)
class LeastWordNoise:
    """The least Gaussian noise with which at most a share of the bits of any word is learned, in place of the noise that there is.

    Attributes:
        wanted: that share.
        now: the largest share of any word at the noise that there is.
        sigma: standard deviation over the message's root mean square, in two digits, rounded up; None where no noise is the answer.
        defense: its text; empty likewise.
        reason: why there is none, in words.
    """

    wanted: float
    now: float
    sigma: float | None = None
    defense: str = ""
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class TextFindings:
    """All that an audit of sentences found; everything that it says is made of this.

    Attributes:
        facts: about net and batch: sizes, dtypes, hashes.
        scenario: settings of the computation as one line.
        settings: hash of that line and of all else that was set.
        reasons: of the validator, each as name, weight, what, repair, where.
        notes: what was assumed.
        counted: bits of words; None where they were not counted, and then `uncounted` says why.
        uncounted: in words.
        records: most exposed first.
        attacks: strongest first; those that were not tried last.
        strongest: place in `attacks`; None where none gave an answer.
        least_noise: None where the words were not counted.
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
    counted: Counted | None
    uncounted: str
    records: tuple[Sentence, ...]
    attacks: tuple[Tried, ...]
    strongest: int | None
    least_noise: LeastWordNoise | None
    budget: Budget
    defense: str
    advice: tuple[str, ...]
    limits: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Everything as plain numbers and words."""
        return plain(dataclasses.asdict(self))
