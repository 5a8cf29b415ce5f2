"""What lies between a real attack and the ideal attacker, in words; the same on every page, in reports and on the command line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from .core.figures import percent
from .metrics import EXACT, decibels
from .scenario import Scenario

LITTLE = 1.0  # dB: a gap that is not worth a sentence
FLOOR = 0.1  # share of all noise from which on the floor counts as a reason


def reasons(scenario: Scenario, floor_share: float | None = None, method: str = "exact") -> list[str]:
    """Why a real attack may do better than the ideal attacker, whose assumptions it need not share: those that apply here, as ends of "that attacker ...".

    Args:
        scenario: the attack's.
        floor_share: variance of the noise floor over that of all noise; None where it is not known: the floor then counts if no defense adds noise.
        method: by which the spectrum was computed.
    """
    s, found = scenario, []
    noisy = [d for d in s.defense if (d.noisy or d.coloured) and not d.off]
    floor_counts = s.floor > 0 and (not noisy if floor_share is None else floor_share >= FLOOR)
    things = "rows" if s.columns else "pictures"
    if floor_counts:
        found.append(f"is held to a noise floor of {percent(s.floor)} (More, Setting), which the real message does not have")
    if any(d.rounds for d in noisy):
        found.append("takes rounding for Gaussian noise, but rounding leaves every entry within a known interval")
    if any(getattr(d, "law", "") == "laplace" for d in noisy):
        found.append("takes Laplace noise for Gaussian noise of the same variance, but more of its draws are small")
    if any(d.coloured for d in noisy):
        found.append("does not use what the shape of the noise tells, which depends on the picture")
    if any(d.hides and not d.by_lot and not d.off for d in s.defense):
        found.append("does not use what the choice of the withheld entries tells")
    if s.layer:
        found.append(f"reads layer {s.layer} alone, and the attack the whole message")
    if s.attack.malicious:
        found.append("belongs to an honest server, and this one steered the training")
    if s.prior == "white" and not s.columns:
        found.append("expects every pixel to be independent of its neighbours (white prior), and pictures are smooth")
    if s.attack.wants().public_data and s.prior != "dataset":
        found.append(f"has not learned from public {things}, as this attack has")
    if method == "sketch":
        found.append("is what a few hundred products give here (a sketch), not the end of its search")
    if not _straight(s):
        found.append("takes the net for a straight line around the truth")
    found.append(f"does not know that values lie between 0 and 1, and is the best on average over {things}, not on each")
    return found


def above(
    scenario: Scenario, reached: float, ideal: float, floor_share: float | None = None, method: str = "exact", expected: bool = False
) -> str:
    """That a real attack did better than the ideal attacker, and why that can be, as one sentence; empty where it did not, or where both are exact.

    Args:
        scenario: the attack's.
        reached: its PSNR in dB.
        ideal: the ideal attacker's on the same pictures, or the expected best.
        floor_share: as of `reasons`.
        method: likewise.
        expected: whether `ideal` is the expected best, an average over pictures and noise.
    """
    if not exceeds(reached, ideal):
        return ""
    whose = f"the expected best of {decibels(ideal)}, which is an average" if expected else f"the ideal attacker's {decibels(ideal)}"
    return f"The real attack got {decibels(reached)}, more than {whose}: that attacker {'; '.join(reasons(scenario, floor_share, method))}."


def exceeds(reached: float, ideal: float) -> bool:
    """Whether a real attack is so far above the ideal attacker that it needs a word; not where both are exact to rounding."""
    return reached > ideal + LITTLE and -math.inf < ideal < EXACT


def tally(cases: Iterable[tuple[Scenario, float, float, float]]) -> str:
    """The reasons of several attacks above the ideal attacker, with how many each applies to, the most frequent first; empty where none is.

    Args:
        cases: of every attack its scenario, its PSNR and the ideal attacker's on the same pictures in dB, and the floor's share of the noise.
    """
    found = [reasons(scenario, share) for scenario, reached, ideal, share in cases if exceeds(reached, ideal)]
    counts = Counter(why for one in found for why in one)
    return (
        f"{len(found)} lie more than {LITTLE:g} dB above the ideal attacker on their very picture: that attacker {'; '.join(f'{why} ({n})' for why, n in counts.most_common())}."
        if found
        else ""
    )


def gap(
    scenario: Scenario, reached: float, ideal: float, stopped: bool = False, floor_share: float | None = None, method: str = "exact"
) -> str:
    """What the distance between both says; the claim in bold (Markdown). Never a number that is not finite.

    Args:
        scenario: the attack's.
        reached: its PSNR in dB; NaN where it has none.
        ideal: the ideal attacker's on the same pictures; likewise.
        stopped: whether the attack was stopped early.
        floor_share: as of `reasons`.
        method: likewise.
    """
    if not (ideal > -math.inf and reached > -math.inf):
        return ""
    if stopped:  # what is missing may be time alone: nothing is claimed
        return f"On this picture the ideal attacker reaches {decibels(ideal)}; the real attack was stopped before its end, at {decibels(reached)}."
    if min(reached, ideal) >= EXACT:
        return f"The real attack reached {decibels(reached)}, the ideal attacker {decibels(ideal)}: both are exact to rounding ({EXACT:.0f} dB and more)."
    if reached < ideal - LITTLE:
        untold = scenario.defense and scenario.attacker == "unaware"
        limit = "what this attacker was not told or could not compute" if untold else "the attacker's computing limit"
        size = f"The gap of {ideal - reached:.1f} dB" if ideal < math.inf else "That gap"
        exact = " (exact to rounding)" if ideal >= EXACT else ""
        return f"On this picture the ideal attacker reaches {decibels(ideal)}{exact}; the real attack reached {decibels(reached)}. **{size} is {limit}, not privacy.**"
    return (
        above(scenario, reached, ideal, floor_share, method)
        or f"The real attack reached {decibels(reached)}: it gets what there is to get."
    )


def _straight(scenario: Scenario) -> bool:
    """Whether what is released depends linearly on the picture: an embedding before the first activation."""
    return (
        scenario.protocol.sends_embedding
        and getattr(scenario.protocol, "cut", 0) == 1
        and not getattr(scenario.protocol, "activated", True)
    )
