"""What to do, in words: each sentence stands with the condition under which it is said."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from ...metrics import EXACT, GAINS, WORDS, word_of_share
from ...scenario import MAX_EXACT_INPUTS
from .findings import BY_MEAN, BY_ONE, BY_RECORD, NO_TIME, UNFIT
from .verdict import UNKNOWN

if TYPE_CHECKING:
    from .findings import Findings

Found = TypeVar("Found")
UNEVEN = 6.0  # dB by which the most exposed record lies above the median one
UNSHARP = 0.05  # width of InvRE's interval
READABLE = 0.9  # InvRE
HIDDEN = 1 - 10 ** (-GAINS[0] / 10)  # InvRE up to which the word is hidden


@dataclasses.dataclass(frozen=True)
class Advice(Generic[Found]):
    """A sentence and its condition.

    Attributes:
        name: for tests.
        holds: whether it is said.
        words: the sentence.
    """

    name: str
    holds: Callable[[Found], bool]
    words: Callable[[Found], str]


def advice(found: Findings) -> tuple[str, ...]:
    """Every sentence whose condition holds."""
    return tuple(one.words(found) for one in ADVICE if one.holds(found))


def said(found: Findings) -> tuple[str, ...]:
    """Their names."""
    return tuple(one.name for one in ADVICE if one.holds(found))


def _read(found: Findings, least: float = EXACT) -> int:
    return sum((row.attacked_psnr or -math.inf) >= least for row in found.records)


def _invre(found: Findings) -> float:
    return math.nan if found.risk is None else found.risk["invre"]


def _ends(found: Findings) -> tuple[float, float]:
    """InvRE's interval; NaN without a spectrum."""
    return (math.nan, math.nan) if found.risk is None else tuple(found.risk["invre_interval"])


def _gain(found: Findings) -> float:
    """By how many dB an attack lies above guessing, on the record where that is most."""
    return max((row.attacked_psnr - row.blind_psnr for row in found.records if row.attacked_psnr is not None), default=-math.inf)


def _lead(found: Findings) -> float:
    """By how many dB the most exposed record lies above the median one, by the ideal attacker; a sketch knows the least of each alone, and nothing follows from that."""
    if found.risk is not None and found.risk["method"] == "sketch":
        return 0.0
    values = [row.ideal_psnr for row in found.records if row.blind_psnr < row.ideal_psnr]  # what a guess gets is not told by the message
    return max(values) - statistics.median(values) if len(values) > 2 else 0.0


def _width(found: Findings) -> float:
    return 0.0 if found.risk is None else found.risk["invre_interval"][1] - found.risk["invre_interval"][0]


def times(sigma: float | None) -> str:
    """A standard deviation of noise with its unit."""
    return f"{sigma:g} times the typical entry of the message{', more noise than signal' if sigma is not None and sigma > 1 else ''}"


def cautious(interval: Sequence[float], records: int) -> str:
    """What a sketch's least noise is by, and between which standard deviations it lies."""
    low, high = interval
    by, more = ("the mean over the records and ", ", and single records may need more") if records > 1 else ("", "")
    return f"by {by}the sketch's cautious end; the least such noise lies in sigma {low:.2g} to {high:.2g}{more}"


def _late(found: Findings) -> str:
    """Attacks that their time was too short for, those that were not begun and those that were stopped."""
    unrun = [one.attack for one in found.attacks if one.skipped == NO_TIME]
    ended = [f"{one.attack} ({one.seconds:.0f} s)" for one in found.attacks if one.late and one.skipped != NO_TIME]
    parts = (
        f"{len(unrun)} not run: {', '.join(unrun)}" if unrun else "",
        f"{len(ended)} stopped at the end of {'their' if len(ended) > 1 else 'its'} time: {', '.join(ended)}" if ended else "",
    )
    return "; ".join(part for part in parts if part)


def _worst(found: Findings) -> int:
    return max(found.records, key=lambda row: row.ideal_psnr if row.blind_psnr < row.ideal_psnr else -math.inf).record


def _hidden(found: Findings) -> bool:
    """Whether the expected best is: over all records, and of every single one as far as it is known."""
    return _ends(found)[1] < HIDDEN and not any(row.ideal_share >= HIDDEN for row in found.records)


def _told(found: Findings) -> float:
    """The share that the message tells of the most exposed record; of a sketch the least that it tells of all."""
    return _ends(found)[0] if found.verdict.by == BY_MEAN else -math.inf if found.verdict.share is None else found.verdict.share


def _idle(found: Findings) -> int:
    """Of how many records no attack that was begun got clearly more than a guess; 0 where none was begun."""
    if all(one.skipped for one in found.attacks):
        return 0
    return sum(row.attacked_psnr is None or row.attacked_psnr < min(EXACT, row.blind_psnr + GAINS[0]) for row in found.records)


def _whose(found: Findings) -> str:
    """The record that a verdict is on."""
    more = {BY_RECORD: ", the most exposed,", BY_ONE: " (others may be more exposed)"}[found.verdict.by]
    return f"Record {found.verdict.record}{more if len(found.records) > 1 else ''}"


def _enough(found: Findings) -> str:
    """That the expected best is hidden, and whose."""
    if found.verdict.by == BY_MEAN:
        more = "; a sketch does not say which is most exposed, and single records may be told more of" if len(found.records) > 1 else ""
        mean = " by the mean over the records" if len(found.records) > 1 else ""
        return f"The expected best is hidden{mean} (InvRE {_invre(found):.2f}{more})"
    return f"{_whose(found)} is hidden: the ideal attacker is expected to get {found.verdict.psnr:.1f} dB of it"


def _noise(found: Findings) -> str:
    least = found.least_noise
    assert least is not None
    if least.by != BY_MEAN or least.interval is None:
        what = "of the most exposed record " if len(found.records) > 1 else ""
        return f"{least.defense} ({times(least.sigma)}) is the least Gaussian noise that brings the expected best {what}down to {least.wanted:.1f} dB"
    return f"{least.defense} ({times(least.sigma)}) brings the expected best down to {least.wanted:.1f} dB {cautious(least.interval, len(found.records))}"


ADVICE = (
    Advice(
        "read",
        lambda f: _read(f) > 0,
        lambda f: (
            f"Do not send this message as it is: a real attack read {_read(f)} of {len(f.records)} records to rounding "
            f"({', '.join(dict.fromkeys(row.attack for row in f.records if (row.attacked_psnr or 0) >= EXACT))})."
        ),
    ),
    Advice(
        "exposed",
        lambda f: f.verdict.by != BY_MEAN and f.verdict.word in WORDS[1:],
        lambda f: (
            f"{_whose(f)} is {f.verdict.word}: the ideal attacker is expected to get {'at least ' * (f.verdict.by == BY_ONE)}{f.verdict.psnr:.1f} dB of it"
            f"{f'. Over all {len(f.records)} records InvRE is {_invre(f):.2f}; decide by this record, not by the mean' if len(f.records) > 1 else ''}."
        ),
    ),
    Advice(
        "exposed by the mean",
        lambda f: f.verdict.by == BY_MEAN and f.verdict.word not in (WORDS[0], UNKNOWN),
        lambda f: (
            f"{'By the mean over the records' if len(f.records) > 1 else 'By the sketch'} the message is {f.verdict.word} (InvRE {_ends(f)[0]:.2f} to {_ends(f)[1]:.2f})"
            f"{'; a sketch does not say which record is most exposed' if len(f.records) > 1 else ''}."
        ),
    ),
    Advice(
        "enough",
        lambda f: _hidden(f) and _gain(f) < GAINS[0],
        lambda f: (
            f"{_enough(f)}{', and no attack that was tried got clearly more than guessing' if f.strongest is not None else ''}. "
            f"The expected best is {f.expected}."
        ),
    ),
    Advice(
        "failed attacks",
        lambda f: _idle(f) > 0,
        lambda f: (
            f"No attack that was tried got clearly more than a guess{f' of {_idle(f)} of {len(f.records)} records' if _idle(f) < len(f.records) else ''}. A failed attack is no safety: "
            f"{'take the message for readable, as the ideal attacker is expected to read it.' if _told(f) >= READABLE else 'stronger ones, or more time, may get further.'}"
        ),
    ),
    Advice(
        "least noise",
        lambda f: f.least_noise is not None and f.least_noise.sigma is not None and f.least_noise.now > f.least_noise.wanted,
        lambda f: (
            f"{'In place of the present noise ' if f.risk and f.risk['noise_variance'] > 0 else ''}{_noise(f)}. Before you trust it, audit again with it (no attack was run behind it), and train with it: it may cost accuracy."
        ),
    ),
    Advice(
        "no promise",
        lambda f: f.budget.promise == "none",
        lambda f: (
            f"{'The defense makes' if f.defense else 'Without a defense there is'} no formal promise: these figures are of this net, this batch and these attacks. "
            "dp_sgd or local_dp promise something of every batch."
        ),
    ),
    Advice(
        "epsilon unknown",
        lambda f: f.budget.promise != "none" and f.budget.epsilon is None,
        lambda f: "There is a formal promise, but its epsilon is not known: " + " ".join(f.budget.assumptions or ("the defense has none to state.",)),
    ),
    Advice(
        "uneven",
        lambda f: _lead(f) >= UNEVEN,
        lambda f: (
            f"Exposure is uneven: record {_worst(f)} lies {_lead(f):.1f} dB above the median."
        ),
    ),
    Advice(
        "unsharp",
        lambda f: _width(f) > UNSHARP,
        lambda f: (
            f"The sketch is not sharp here (InvRE {f.risk['invre_interval'][0]:.2f} to {f.risk['invre_interval'][1]:.2f}): "  # type: ignore[index]
            f"set method='exact' where the batch has at most {MAX_EXACT_INPUTS:,} private numbers, or audit fewer records, or give it more time: the exact spectrum is taken "
            "where half of `within` is enough for it. "
            f"Until then take the message for {word_of_share(f.risk['invre_interval'][1])}."  # type: ignore[index]
        ),
    ),
    Advice(
        "cut short",
        lambda f: bool(_late(f)),
        lambda f: (
            f"Too little time for attacks that fit ({sum(one.skipped != UNFIT for one in f.attacks)} in all): {_late(f)}. Give more time (within) to see whether they get further."
        ),
    ),
    Advice(
        "means less",
        lambda f: any(one["weight"] == "less" for one in f.reasons),
        lambda f: "The numbers mean less than they seem: " + " ".join(one["what"] for one in f.reasons if one["weight"] == "less"),
    ),
)  # fmt: skip
