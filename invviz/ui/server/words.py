"""The page Server in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...metrics import EXACT, decibels
from ...scenario import Scenario
from ...scenario.families import servers
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
    jitter = getattr(now.server, servers.HIDES, 0)  # what was expected does not know of it
    told = (
        ""
        if expected is None
        else f"{expected * now.batch:.0f} {'were' if found.psnr is not None else 'are'} predicted{' for a server that does not hide' if jitter else ''}"
    )
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

MUCH = 0.5  # share of a layer's rows or entries from which it counts as odd


def odd(planted: Mapping[str, Any]) -> str:
    """What of the planted weights is odd, in a sentence; that there is nothing, where there is nothing."""
    if not planted["layer"]:
        return "No weight of any net differs from the honest one: what this server does is in no net."
    rows = planted["shape"][0]
    where = "" if planted["own"] else " The victim itself was sent the honest net."
    put = planted["layer"] != planted["beside"]
    what = (
        f"A layer of {rows:,} rows that the honest net lacks (beside it the honest net's first)."
        if put
        else f"{rows:,} rows in the place of honest ones."
    )
    said = []
    if planted["alike"] > MUCH:
        share = "All" if planted["alike"] > 0.995 else f"{100 * planted['alike']:.0f} %"
        said.append(f"{share} of them repeat one another up to a factor: chance and training do not draw that.")
    if planted["constant"] > MUCH and planted["alike"] <= MUCH:
        said.append(f"{100 * planted['constant']:.0f} % of them are constant.")
    if planted["zeros"] > MUCH:
        said.append(f"{100 * planted['zeros']:.0f} % of its weights are zero.")
    return " ".join([what, *(said or ["To the eye nothing is odd: no rows that repeat, no constant ones, few zeros."])]) + where


def verdict(findings: Mapping[str, Mapping[str, Any]], flagged: Sequence[str]) -> str:
    """Whether the client can notice, with how many detectors say so."""
    judged = sum(bool(one["judged"]) for one in findings.values())
    unable = len(findings) - judged
    lack = f" {unable} more lack what they need." if unable else ""
    if not flagged:
        return f"None of the {judged} detectors that could judge objects to this net.{lack} That is no proof that it is honest."
    count = len(flagged)
    return f"Yes: {count} of the {judged} detectors that could judge {'object' if count > 1 else 'objects'} to this net.{lack}"
