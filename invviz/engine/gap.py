"""What lies between a real attack and the ideal attacker, in words; the same on every page, in reports and on the command line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from ..core.figures import number
from ..metrics import EXACT, WORDS, decibels, word_of_share
from ..scenario import Scenario
from .bounds import explaining

LITTLE = 1.0  # dB: a gap that is not worth a sentence
FLOOR = 0.1  # share of all noise from which on the floor counts as a reason


def reasons(scenario: Scenario, floor_share: float | None = None, method: str = "exact") -> list[str]:
    """Why a real attack may do better than the ideal attacker, whose assumptions it need not share: those that apply here, as ends of "that attacker ...".

    Args:
        scenario: the attack's.
        floor_share: variance of the noise floor over that of all noise; None where it is not known: the floor then counts if no defense adds noise.
        method: by which the spectrum was computed.
    """
    s, things = scenario, scenario.data.modality.many
    found = explaining(s, floor_share, method, FLOOR)
    if s.server.steers:
        found.append("belongs to an honest server, and this one steered the training")
    if s.attack.wants().public_data and s.prior != "dataset":
        found.append(f"has not learned from public {things}, as this attack has")
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
    scenario: Scenario,
    reached: float,
    ideal: float,
    stopped: bool = False,
    floor_share: float | None = None,
    method: str = "exact",
    expected: float = math.inf,
    invre: float = 1.0,
) -> str:
    """What the distance between both says; the claim in bold (Markdown). Never a number that is not finite.

    Args:
        scenario: the attack's.
        reached: its PSNR in dB; NaN where it has none.
        ideal: the ideal attacker's on the same pictures; likewise.
        stopped: whether the attack was stopped early.
        floor_share: as of `reasons`.
        method: likewise.
        expected: the expected best, where that is shown, too: what lies above it alone is explained as well.
        invre: of the scenario: where the ideal attacker's is "hidden", too, no claim rests on the gap.
    """
    if not (ideal > -math.inf and reached > -math.inf):
        return ""
    beyond = "" if exceeds(reached, ideal) and not stopped else above(scenario, reached, expected, floor_share, method, expected=True)
    return f"{_gap(scenario, reached, ideal, stopped, floor_share, method, invre)} {beyond}".rstrip()


def _gap(scenario: Scenario, reached: float, ideal: float, stopped: bool, floor_share: float | None, method: str, invre: float) -> str:
    if stopped:  # what is missing may be time alone: nothing is claimed
        return f"On this picture the ideal attacker reaches {decibels(ideal)}; the real attack was stopped before its end, at {decibels(reached)}."
    if min(reached, ideal) >= EXACT:
        return f"The real attack reached {decibels(reached)}, the ideal attacker {decibels(ideal)}: both are exact to rounding ({EXACT:.0f} dB and more)."
    if reached < ideal - LITTLE:
        untold = scenario.defense and scenario.attacker == "unaware"
        limit = "what this attacker was not told or could not compute" if untold else "the attacker's computing limit"
        size = f"The gap of {round(ideal, 1) - round(reached, 1):.1f} dB" if ideal < math.inf else "That gap"
        exact = " (exact to rounding)" if ideal >= EXACT else ""
        both = f"On this picture the ideal attacker reaches {decibels(ideal)}{exact}; the real attack reached {decibels(reached)}."
        if word_of_share(invre) == WORDS[0]:
            return f"{both} Both are next to nothing: the noise hides the picture from the ideal attacker, too (InvRE {number(invre, 2)})."
        return f"{both} **{size} is {limit}, not privacy.**"
    return (
        above(scenario, reached, ideal, floor_share, method)
        or f"The real attack reached {decibels(reached)}, about as much as the ideal attacker ({decibels(ideal)})."
    )
