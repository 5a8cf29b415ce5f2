"""What to do about an audited message of sentences, and what the audit does not show: each sentence stands with the condition under which it is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .advice import Advice
from .findings import NO_TIME, UNFIT

if TYPE_CHECKING:
    from .text_findings import TextFindings

HALF = 0.5  # of the bits of a sentence's words, from which on it is called exposed
ROWS = "embedding_rows"


def advice(found: TextFindings) -> tuple[str, ...]:
    """Every sentence whose condition holds."""
    return tuple(one.words(found) for one in ADVICE if one.holds(found))


def said(found: TextFindings) -> tuple[str, ...]:
    """Their names."""
    return tuple(one.name for one in ADVICE if one.holds(found))


def _read(found: TextFindings) -> int:
    return sum(row.exact for row in found.records)


def _run(found: TextFindings) -> bool:
    return any(not one.skipped for one in found.attacks)


def _nothing(found: TextFindings) -> int:
    """Of how many sentences no attack that was begun has any word right; 0 where none was begun."""
    return sum(not row.anywhere for row in found.records) if _run(found) else 0


def _late(found: TextFindings) -> list[str]:
    return [one.attack for one in found.attacks if one.skipped == NO_TIME or one.late]


def _exposed(found: TextFindings) -> str:
    worst = found.records[0]
    assert found.counted is not None and worst.share is not None
    which = f"Sentence {worst.record}{', the most exposed,' if len(found.records) > 1 else ''}"
    return (
        f"{which} gives away {worst.share * found.counted.entropy:.1f} of the {found.counted.entropy:.1f} bits of each of its words on average, to whoever knows the net, the noise and all other words. "
        "Take it for read."
    )


def _noise(found: TextFindings) -> str:
    least = found.least_noise
    assert least is not None
    instead = "In place of the present noise " if "noise" in found.defense else ""
    return (
        f"{instead}{least.defense} ({least.sigma:g} times the typical entry of the message) is about the least Gaussian noise with which at most {100 * least.wanted:.0f} % of the bits of any word are learned. "
        "Before you trust it, audit again with it (no attack was run behind it), and train with it: it may cost accuracy."
    )


ADVICE: tuple[Advice[TextFindings], ...] = (
    Advice(
        "read",
        lambda f: _read(f) > 0,
        lambda f: (
            f"Do not send this message as it is: a real attack read {_read(f)} of {len(f.records)} sentences word by word "
            f"({', '.join(dict.fromkeys(row.attack for row in f.records if row.exact))})."
        ),
    ),
    Advice("exposed", lambda f: (f.records[0].share or 0.0) >= HALF, _exposed),
    Advice(
        "enough",
        lambda f: f.least_noise is not None and f.least_noise.now <= f.least_noise.wanted,
        lambda f: f"Of no word more than {100 * f.least_noise.now:.0f} % of its bits are learned by whoever knows all others.",  # type: ignore[union-attr]
    ),
    Advice(
        "rows",
        lambda f: any(one.attack.startswith(ROWS) and one.anywhere and max(one.anywhere) > 0 for one in f.attacks),
        lambda f: "The embedding's own gradient has rows of the words that occur alone. Freezing the embedding, or keeping its gradient back, takes this away and nothing else.",
    ),
    Advice(
        "failed attacks",
        lambda f: _nothing(f) > 0,
        lambda f: (
            f"No attack that was tried has a word right{f' of {_nothing(f)} of {len(f.records)} sentences' if _nothing(f) < len(f.records) else ''}. A failed attack is no safety: "
            "the bits say what a stronger one might learn."
        ),
    ),
    Advice(
        "least noise",
        lambda f: f.least_noise is not None and f.least_noise.sigma is not None and f.least_noise.now > f.least_noise.wanted,
        _noise,
    ),
    Advice(
        "no promise",
        lambda f: f.budget.promise == "none",
        lambda f: (
            f"{'The defense makes' if f.defense else 'Without a defense there is'} no formal promise: these figures are of this net, these sentences and these attacks. "
            "dp_sgd or local_dp promise something of every batch."
        ),
    ),
    Advice(
        "epsilon unknown",
        lambda f: f.budget.promise != "none" and f.budget.epsilon is None,
        lambda f: "There is a formal promise, but its epsilon is not known: " + " ".join(f.budget.assumptions or ("the defense has none to state.",)),
    ),
    Advice(
        "cut short",
        lambda f: bool(_late(f)),
        lambda f: (
            f"Too little time for attacks that fit ({sum(one.skipped != UNFIT for one in f.attacks)} in all): {', '.join(_late(f))}. Give more time (within) to see whether they get further."
        ),
    ),
    Advice(
        "means less",
        lambda f: any(one["weight"] == "less" for one in f.reasons),
        lambda f: "The numbers mean less than they seem: " + " ".join(one["what"] for one in f.reasons if one["weight"] == "less"),
    ),
)  # fmt: skip


def limits(floor: float) -> tuple[str, ...]:
    """What an audit of sentences does not show."""
    always = (
        "No successful attack is no evidence: stronger attacks may exist, and those tried may have been unlucky.",
        "Bits are of each word alone, all others being known, and every word of the vocabulary counts alike: on average over such words nobody learns more of one; who knows the language may guess better, "
        "and the bits of several words do not add up.",
        "One message of one batch at one state of the net was looked at; other batches, later rounds and what they tell together were not.",
        "Whether a sentence took part in training (membership) and what the trained net keeps of it were not tested.",
    )
    if floor == 0:
        return always
    return (*always, f"Bits are counted with a noise floor of {100 * floor:g} % of the message, which the real message does not have.")
