"""Which defenses are set side by side, what they send and what they promise; no attack and no net is touched here."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...defenses import DEFENSES, Defense, Stack
from .. import Scenario, problems

CHOICES = {"usual": "Usual set", "noise": "Noise only", "all": "All"}
MOST = 11  # rows of the usual set beside "no defense"


def stacks(now: Scenario, which: str = "usual") -> list[Stack]:
    """The rows of the grid: no defense first, the scenario's own among them.

    A single defense of the scenario takes the place of the listed one of the same name, so that its strength is the one that is compared.

    Args:
        now: the scenario on the screen.
        which: one of CHOICES.
    """
    if which == "usual":
        listed = usual()
    else:
        listed = [kind() for kind in DEFENSES.values()]
        listed = [d for d in listed if which == "all" or d.noisy or d.coloured]
    listed = [d for d in listed if not (d.needs.embedding and problems(now.replace(defense=(d,))))][: MOST if which == "usual" else None]
    rows = [Stack(), *(Stack((d,)) for d in listed)]
    own = now.defense
    if own in rows:
        return rows
    same = next((i for i, row in enumerate(rows) if len(own) == 1 and row and row[0].name == own[0].name), None)
    if same is None:
        return [rows[0], own, *rows[1:]]
    return [*rows[:same], own, *rows[same + 1 :]]


def usual() -> list[Defense]:
    """The usual set, by the places that defenses have in it."""
    rows = [(place, kind().replace(**{kind.strength: value})) for kind in DEFENSES.values() for place, value in kind.suggested.compared]
    return [defense for _, defense in sorted(rows, key=lambda row: row[0])]


def empty(now: Scenario) -> str:
    """Why nothing can be compared: the scenario does not fit together even without a defense. Nothing where something can."""
    return " ".join(problems(compared(now, ())))


def solved_for(stacks: Sequence[Stack]) -> list[str]:
    """Titles of the stacks whose last noise lies in the tangent space, so that an attacker who knows that may solve for it (theory T11)."""
    last = [stack[-1] for stack in stacks if stack and stack[-1].tangent_noise and not stack[-1].off]
    return list(dict.fromkeys(defense.short_title() for defense in last))


def compared(now: Scenario, stack: Sequence[Defense]) -> Scenario:
    """The row of one stack: the data set's own picture, since comparisons go through the store, which keeps no uploads."""
    return now.replace(defense=stack, upload="")


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
    "compared",
    "empty",
    "in_short",
    "solved_for",
    "stacks",
    "usual",
]
