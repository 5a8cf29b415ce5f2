"""Which defenses are set side by side, what they send and what they promise; no attack and no net is touched here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...core.component import parse_component
from ...defenses import DEFENSES, Defense
from .. import Scenario, problems

CHOICES = {"usual": "Usual set", "noise": "Noise only", "all": "All"}
USUAL = (
    "gaussian_noise",
    "gaussian_noise(sigma=1.0)",
    "dp_sgd",
    "clipping",
    "pruning",
    "selective_encryption",
    "quantisation(bits=4)",
    "embedding_dropout",
    "water_filling",
    "invl_gnp",
    "soteria",
    "precode",
    "ats",
    "laplace_noise",
    "local_dp",
)
MOST = 11  # rows of the usual set beside "no defense"
BITS = 32.0  # of an entry that is sent as it is

Stack = tuple[Defense, ...]


def stacks(now: Scenario, which: str = "usual") -> list[Stack]:
    """The rows of the grid: no defense first, the scenario's own among them.

    A single defense of the scenario takes the place of the listed one of the same name, so that its strength is the one that is compared.

    Args:
        now: the scenario on the screen.
        which: one of CHOICES.
    """
    if which == "usual":
        listed = [parse_component(text, DEFENSES, "defense") for text in USUAL if text.split("(")[0] in DEFENSES]
    else:
        listed = [kind() for kind in DEFENSES.values()]
        listed = [d for d in listed if which == "all" or d.noisy or d.coloured]
    listed = [d for d in listed if not (d.for_embeddings and problems(now.replace(defense=(d,))))][: MOST if which == "usual" else None]
    rows: list[Stack] = [(), *((d,) for d in listed)]
    own = now.defense
    if own in rows:
        return rows
    same = next((i for i, row in enumerate(rows) if len(own) == 1 and row and row[0].name == own[0].name), None)
    if same is None:
        return [rows[0], own, *rows[1:]]
    return [*rows[:same], own, *rows[same + 1 :]]


def empty(now: Scenario) -> str:
    """Why nothing can be compared: the scenario does not fit together even without a defense. Nothing where something can."""
    return " ".join(problems(compared(now, ())))


def solved_for(stacks: Sequence[Stack]) -> list[str]:
    """Titles of the stacks whose last noise lies in the tangent space, so that an attacker who knows that may solve for it (theory T11)."""
    last = [stack[-1] for stack in stacks if stack and stack[-1].tangent_noise and not stack[-1].off]
    return list(dict.fromkeys(defense.short_title() for defense in last))


def compared(now: Scenario, stack: Stack) -> Scenario:
    """The row of one stack: the data set's own picture, since comparisons go through the store, which keeps no uploads."""
    return now.replace(defense=stack, upload="")


def sent_bytes(stack: Stack, count: int) -> float:
    """Bytes of one update of so many numbers after these defenses."""
    entries, bits, places = float(count), BITS, 0.0
    for defense in stack:
        entries, bits, places = defense.traffic(entries, bits, places)
    return entries * (bits + places) / 8


def guarantee(stack: Stack) -> str:
    """What is formally promised, of all defenses of a stack. A promise does not outlive a later defense that looks at the private batch again."""
    kept = [d.promise for place, d in enumerate(stack) if not any(later.reads_batch for later in stack[place + 1 :])]
    return "; ".join(promise for promise in kept if promise) or "none"


def in_short(promise: str) -> str:
    """The first clause of a guarantee.

    Example:
        >>> in_short("(epsilon, delta) differential privacy of every sample, if batches are random; none otherwise")
        '(epsilon, delta) differential privacy of every sample'
    """
    return re.split(r"[;,:](?![^(]*\))", promise)[0]


__all__ = [
    "CHOICES",
    "MOST",
    "USUAL",
    "Stack",
    "compared",
    "empty",
    "guarantee",
    "in_short",
    "sent_bytes",
    "solved_for",
    "stacks",
]
