"""Where the expected best is a bound and where it is not, and the bound that holds for every attacker; the same on every page, in reports and on the command line."""

from __future__ import annotations

import dataclasses
from collections import Counter
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from ..core.figures import number, percent
from ..defenses import UNIT, Noise
from ..risk import van_trees_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.types import Size
    from ..defenses import Defense
    from ..scenario import Scenario

FLOOR = 0.01  # share of all noise from which on the floor speaks against a bound: less moves the expected best by less than 0.05 dB
LOCATION = {"gaussian": 1.0, "laplace": 2.0}  # Fisher information of one entry about its mean, times the noise's variance
SCALE = {"gaussian": 2.0, "laplace": 1.0}  # of one entry about the logarithm of the noise's size
HELD = "a bound: no attacker has a smaller squared error, averaged over what the prior draws"
JUMPS = {  # of a message that jumps as the picture moves
    "choice of withheld entries": "does not use what the choice of the withheld entries tells",
    "signs": "does not use what the signs tell",
}
LAWS = {  # of noise that is not normal: the reason's name, and what the ideal attacker does with it
    "rounding": ("rounding", "takes rounding for Gaussian noise, but rounding leaves every entry within a known interval"),
    "laplace": ("Laplace noise", "takes Laplace noise for Gaussian noise of the same variance, but more of its draws are small"),
    "discrete": ("discrete noise", "takes rounding by chance for Gaussian noise, but it leaves every entry within two steps"),
    "fixed length": ("noise of a fixed length", "takes a random direction of known length for Gaussian noise"),
}


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why a real attacker may get more than the expected best.

    Attributes:
        name: short, for machines and for brackets behind a number.
        words: as the end of "that attacker ...", the ideal one.
    """

    name: str
    words: str


def reasons(scenario: Scenario, floor_share: float | None = None, method: str = "exact", least: float = FLOOR) -> list[Reason]:
    """Why the expected best is no bound here; where there is no reason no attacker of any kind gets more on average over pictures drawn from the prior, and over the noise.

    Args:
        scenario: what is released; its attack plays no part.
        floor_share: variance of the noise floor over that of all noise; None where it is not known: the floor then counts if no defense adds noise.
        method: by which the spectrum was computed.
        least: share of the noise from which on the floor counts.
    """
    s, found = scenario, []
    live = s.defense.live
    noises = live.sources.noises(UNIT)
    if s.floor > 0 and (not noises if floor_share is None else floor_share >= least):
        found.append(
            Reason("noise floor", f"is held to a noise floor of {percent(s.floor)} (More, Setting), which the real message does not have")
        )
    found += [Reason(*LAWS[law]) for law in LAWS if any(noise.law == law for noise in noises)]
    if s.aggregation.rounding_variance(1.0):
        found.append(
            Reason(
                "rounding of weights",
                "takes the rounding of secure aggregation for Gaussian noise, but it leaves every weight within a few steps",
            )
        )
    found += _of_shape(noises)
    found += [Reason(what, JUMPS[what]) for what in JUMPS if what in live.jumps]
    if live.draws:
        found.append(Reason("random draw", "is scored without, or at one typical draw of, what the defense leaves to chance"))
    if s.layer:
        found.append(Reason("one layer", f"reads layer {s.layer_name} alone, and the attack the whole message"))
    if s.prior == "white" and not s.columns:
        found.append(
            Reason("white prior", "expects every pixel to be independent of its neighbours (white prior), and pictures are smooth")
        )
    if method == "sketch":
        found.append(Reason("sketch", "is what a few hundred products give here (a sketch), not the end of its search"))
    if not straight(s):
        found.append(Reason("curvature", "takes the net for a straight line around the truth"))
    return found


def _of_shape(noises: Sequence[Noise]) -> list[Reason]:
    """What noise that depends on the picture tells of it."""
    found = []
    if any(noise.tangent for noise in noises):
        found.append(Reason("noise in the tangent space", "does not solve for picture and noise together (attack tangent)"))
    if any(noise.coloured and noise.follows == "shape" for noise in noises):
        found.append(Reason("shape of the noise", "does not use what the shape of the noise tells, which depends on the picture"))
    if any(noise.follows == "size" and noise.law in SCALE for noise in noises):
        found.append(Reason("relative noise", "does not use what the size of the noise tells, which is a share of the message's"))
    return found


def explaining(scenario: Scenario, floor_share: float | None, method: str, least: float) -> list[str]:
    """The same reasons in words, without what is too little to explain a decibel.

    Args:
        scenario: as of `reasons`, and so the others.
        floor_share: likewise.
        method: likewise.
        least: likewise.
    """
    loud = any(noise.follows == "size" and noise.law in SCALE and noise.variance >= least for noise in scenario.defense.noises(UNIT))
    return [one.words for one in reasons(scenario, floor_share, method, least) if loud or one.name != "relative noise"]


def straight(scenario: Scenario) -> bool:
    """Whether what is released depends linearly on the picture: an embedding before the first activation, and defenses that keep it so."""
    return (
        scenario.protocol.sends_embedding
        and getattr(scenario.protocol, "cut", 0) == 1
        and not getattr(scenario.protocol, "activated", True)
        and scenario.defense.linear
    )


def in_brackets(found: Sequence[Reason]) -> str:
    """What is said behind an expected best: "not a bound: ...", or what it bounds."""
    return f"not a bound: {', '.join(one.name for one in found)}" if found else HELD


def of_all(found: Sequence[Sequence[Reason]]) -> str:
    """The same under several expected bests that stand together, as a sentence; empty where there are none."""
    if not found:
        return ""
    counts = Counter(one.name for each in found for one in each)
    every = [name for name, n in counts.items() if n == len(found)]
    some = [name for name, n in counts.items() if n < len(found)]
    parts = [", ".join(every)] * bool(every) + [f"of some also {', '.join(some)}" if every else f"of some {', '.join(some)}"] * bool(some)
    return f"Expected best: an average over pictures and noise, {'not a bound: ' + '; '.join(parts) if parts else HELD}."


def least_error(scenario: Scenario) -> str:
    """What InvLoss (T1) is the least of, on the straight line."""
    noises = scenario.defense.live.noises(UNIT)
    odd = [LAWS[law][0] for law in LAWS if any(noise.law == law for noise in noises)]
    if odd or any(noise.follows for noise in noises):
        why = " and ".join(odd) or "noise that depends on the picture"
        return f"the least of a linear attacker, who expects pictures of the prior; with {why} others may do better"
    return "exact for pictures of the prior and normal noise"


@dataclasses.dataclass(frozen=True)
class Lower:
    """A squared error below which no attacker comes on average over pictures of the prior, or why none is known.

    Attributes:
        value: summed over all pixels; about a bound, as ||J||_F^2 is known from a few pictures only; None where there is none.
        counts: which noise it counts, in words. The floor, which is in no message, never is.
        reason: why there is none, in words.
    """

    value: float | None
    counts: str = ""
    reason: str = ""


def lower(scenario: Scenario, trust: dict[str, Any] | None, inputs: int, size: Size, stages: Sequence[Size] = ()) -> Lower:
    """T3 (van Trees) with the Fisher information of the noise's own law. Source: [D] T3.

    Of noise that is a share rho of the message's root mean square, the size of the noise tells of the picture as well: its information about log |G| is at most that of p entries,
    c ||J||_F^2 / rms^2 in all (c = 2 for normal, 1 for Laplace noise). What is done to a message after a noise adds no information (data processing), so
    the first noise alone already gives a bound; several of absolute size give the best of theirs (normal ones together count as one).

    Args:
        scenario: its defenses, first innermost.
        trust: measured curvature (`Trust.to_json`), where it is known.
        inputs: n, numbers in the batch.
        size: of the noise-free message.
        stages: as in `summary.noise_variance`.
    """
    first, why = _first(scenario)
    if first is None:
        return Lower(None, reason=why)
    if trust is None:
        return Lower(None, reason="the curvature of this release was not measured")
    place = scenario.defense.index(first)
    entering = stages[len(scenario.defense[:place].reshaping)] if stages else size
    law, follows = first.noise(UNIT).law, first.noise(UNIT).follows
    if follows:
        if trust.get("relative_sq") is None:
            return Lower(None, reason="this stored result does not know how the message's size changes with the picture; compute it again")
        share = first.noise(size, scenario.batch).variance / max(size.rms**2, 1e-300)
        mean = trust["relative_sq"] + 2 * trust["relative_error"]
        information = mean * (LOCATION[law] / share + SCALE[law])
    else:
        after = scenario.defense[place + 1 :].live.additions.noises(entering, scenario.batch)
        steady = [first.noise(entering, scenario.batch), *takewhile(_steady, after)]
        normal = sum(noise.variance for noise in steady if noise.law == "gaussian")
        others = [LOCATION[noise.law] / noise.variance for noise in steady if noise.law != "gaussian"]
        mean = trust["frobenius_sq"] + 2 * trust["frobenius_error"]
        information = mean * min([*others, *([1 / normal] if normal > 0 else [])])
    value = van_trees_bound(information, 1.0, inputs, trust["precision_trace"])
    return Lower(value, f"{law.replace('gaussian', 'Gaussian').replace('laplace', 'Laplace')} noise of the defense, not the noise floor")


def of_lower(figures: dict[str, Any]) -> str:
    """T3 with its condition, or why there is none, in words.

    Args:
        figures: `summary.risk_summary`'s.
    """
    if figures["invloss_lower"] is None:
        return f"no lower bound for every attacker: {figures['invloss_lower_reason']}"
    return (
        f"on average over what the {figures['prior']} prior draws no attacker comes below about {number(figures['invloss_lower'], 4)} "
        f"(counts {figures['invloss_lower_counts']}; J at a few of its pictures)"
    )


def _steady(noise: Noise) -> bool:
    """Whether it is of a known law and of absolute size."""
    return noise.law in LOCATION and not noise.follows


def _first(scenario: Scenario) -> tuple[Defense | None, str]:
    """The first noise, if T3 can count it; otherwise why not."""
    s = scenario
    if s.layer or s.rounds > 1 or s.apart:
        what = f"of layer {s.layer_name} alone" if s.layer else f"of {s.rounds} rounds" if s.rounds > 1 else "of several parties"
        return None, f"the score is {what}, and the bound that of one whole message"
    live = s.defense.live
    if s.coloured or any(noise.follows == "shape" for noise in live.noises(UNIT)):
        return None, "the noise's covariance depends on the picture, which tells more than the bound counts"
    upto, after = live.at_first_noise
    if rough := upto.where(lambda d: bool(d.jumps) or d.draws_inside or d.redraws)[:1]:
        d = rough[0]
        if d.jumps:
            return None, f"{d.name}'s message jumps as the picture moves ({d.jumps}), and the bound needs one that does not"
        return None, f"{d.name} leaves to chance what is sent, which the bound does not count"
    noise = upto[-1].noise(UNIT) if upto else Noise()
    if noise.law == "none":
        return None, "no noise is in the message: without noise no error is certain (the noise floor is only assumed)"
    d = upto[-1]
    if noise.law not in LOCATION:
        return None, f"{LAWS[noise.law][0]} ({d.name}) has no finite Fisher information"
    if noise.follows and not d.adds_noise:
        return None, f"the size of {d.name}'s noise depends on the picture"
    if after.on_messages.reshaping:
        return None, f"{d.name}'s noise is followed by a defense that reshapes the message"
    return d, ""
