"""The page Server in words."""

from __future__ import annotations

from ...metrics import EXACT, decibels
from ...scenario import Scenario
from ..known import AttackOutcome
from .tiles import Shown


def finding(now: Scenario, found: AttackOutcome, shown: Shown, expected: float | None) -> str:
    """What the page says, in one line, from the results that are there.

    Args:
        now: the scenario on the screen.
        found: what is known of its attack.
        shown: what the tiles show.
        expected: share of the batch that was expected to be read before any attack; None where nobody can say.
    """
    told = "" if expected is None else f"{expected * now.batch:.0f} {'were' if found.psnr is not None else 'are'} predicted"
    if found.psnr is None:
        if found.job is not None and found.job.active:
            return f"{now.server.short_title()} is reading the batch ...{f' {told}.' if told else ''}"
        ahead = f" Of {now.batch} pictures {told} to be read." if told else ""
        return f"{now.server.short_title()}: nothing has been read yet. Run it.{ahead}"
    count = sum(shown.lit)
    said = f"{count} of {now.batch} pictures {'is' if count == 1 else 'are'} read exactly"
    if told:
        return f"{said}; {told}."
    if count:
        return f"{said}."
    best = max((value for value in shown.psnr if value == value), default=float("nan"))
    return f"{said}; the best one has {decibels(best)}."


CONDITION = (
    f"Lit: read exactly, {EXACT:.0f} dB and more (✓). Left the truth (grey), right what was read (orange); what is not read stays dim."
)
