"""What to do, in words: each sentence stands with the condition under which it is said."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...metrics import EXACT, GAINS, word_of_share
from ...scenario import MAX_EXACT_INPUTS
from .findings import ON_REQUEST

if TYPE_CHECKING:
    from .findings import Findings

UNEVEN = 6.0  # dB by which the most exposed record lies above the median one
UNSHARP = 0.05  # width of InvRE's interval
READABLE = 0.9  # InvRE
HIDDEN = 1 - 10 ** (-GAINS[0] / 10)  # InvRE up to which the word is hidden


@dataclasses.dataclass(frozen=True)
class Advice:
    """A sentence and its condition.

    Attributes:
        name: for tests.
        holds: whether it is said.
        words: the sentence.
    """

    name: str
    holds: Callable[[Findings], bool]
    words: Callable[[Findings], str]


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


def _ceiling(found: Findings) -> float:
    """The expected best in dB."""
    return math.inf if found.risk is None else found.risk["psnr_ceiling"]


def _width(found: Findings) -> float:
    return 0.0 if found.risk is None else found.risk["invre_interval"][1] - found.risk["invre_interval"][0]


def times(sigma: float | None) -> str:
    """A standard deviation of noise with its unit."""
    return f"{sigma:g} times the typical entry of the message{', more noise than signal' if sigma is not None and sigma > 1 else ''}"


def _late(found: Findings) -> list[str]:
    """Attacks that their time was too short for."""
    return [f"{one.attack} ({one.seconds:.0f} s)" for one in found.attacks if one.stopped and not one.note.startswith(ON_REQUEST)]


def _worst(found: Findings) -> int:
    return max(found.records, key=lambda row: row.ideal_psnr if row.blind_psnr < row.ideal_psnr else -math.inf).record


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
        "failed attacks",
        lambda f: _ends(f)[0] >= READABLE and bool(f.attacks) and f.strongest is not None and _gain(f) < GAINS[0],
        lambda f: (
            f"The attacks that were tried got nowhere, but the ideal attacker has an InvRE of {_invre(f):.2f}, that is {word_of_share(_invre(f))}: "
            "take the message for readable. A failed attack is no safety."
        ),
    ),
    Advice(
        "least noise",
        lambda f: f.least_noise is not None and f.least_noise.sigma is not None and _ceiling(f) > f.least_noise.wanted,
        lambda f: (
            f"{f.least_noise.defense} ({times(f.least_noise.sigma)}) is the least Gaussian noise that brings the expected best down to {f.least_noise.wanted:.1f} dB"  # type: ignore[union-attr]
            f"{', in place of the present noise' if f.risk and f.risk['noise_variance'] > 0 else ''}. Before you trust it, audit again with it (no attack was run behind it), and train with it: it may cost accuracy."
        ),
    ),
    Advice(
        "enough",
        lambda f: _ends(f)[1] < HIDDEN and _gain(f) < GAINS[0],
        lambda f: (
            f"The expected best is hidden (InvRE {_invre(f):.2f}){', and no attack that was tried got clearly more than guessing' if f.strongest is not None else ''}. "
            f"The expected best is {f.expected}."
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
            f"Exposure is uneven: record {_worst(f)} lies {_lead(f):.1f} dB above the median. Decide by the most exposed record, not by the mean."
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
        lambda f: f"Stopped at the end of their time: {', '.join(_late(f))}. Give more time (within) to see whether they get further.",
    ),
    Advice(
        "means less",
        lambda f: any(one["weight"] == "less" for one in f.reasons),
        lambda f: "The numbers mean less than they seem: " + " ".join(one["what"] for one in f.reasons if one["weight"] == "less"),
    ),
)  # fmt: skip


def limits(found: Findings) -> tuple[str, ...]:
    """What the audit does not show."""
    always = (
        "No successful attack is no evidence: stronger attacks may exist, and those tried may have been unlucky.",
        "One message of one batch at one state of the net was looked at; other batches, later rounds and what they tell together were not.",
        "The net is taken for a straight line around the records, and the records for draws of the prior: the expected best is an average, and single records may be told more of.",
        "Whether a record took part in training (membership) and what the trained net keeps of it were not tested.",
    )
    if found.risk is None or found.risk["floor"] == 0:
        return always
    floor = f"The ideal attacker is held to a noise floor of {100 * found.risk['floor']:g} % of the message, which the real message does not have."
    return (*always, floor)
