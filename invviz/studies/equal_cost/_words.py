"""What the study says, put into words by rule from its figures: less, more, or no clear difference where the interval holds 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core.component import parse_component
from ...core.figures import listed, number, percent
from ...defenses import DEFENSES

WHO = {"unaware": "the unaware attack", "aware": "the aware attack", "real": "the better of both attacks", "ceiling": "the ideal attacker"}
VERDICTS = ("less", "more", "no clear difference")


def verdict(gap: Sequence[float]) -> str:
    """One of VERDICTS.

    Args:
        gap: value, low and high of a difference to isotropic noise.
    """
    _, low, high = gap
    return "less" if high < 0 else "more" if low > 0 else "no clear difference"


def amount(gap: Sequence[float]) -> str:
    """The verdict with its figures.

    Example:
        >>> amount([-2.04, -3.0, -1.0]), amount([0.5, -0.1, 1.0])
        ('2.0 dB [1.0 to 3.0] less', 'no clear difference (+0.5 dB [-0.1 to +1.0])')
    """
    value, low, high = gap
    said = verdict(gap)
    if said == "less":
        return f"{-value:.1f} dB [{-high:.1f} to {-low:.1f}] less"
    if said == "more":
        return f"{value:.1f} dB [{low:.1f} to {high:.1f}] more"
    return f"no clear difference ({value:+.1f} dB [{low:+.1f} to {high:+.1f}])"


def cost(kind: str, target: float) -> str:
    """What is equal.

    Example:
        >>> cost("accuracy", 0.01), cost("energy", 0.1)
        ('at 1 point less accuracy', "at a noise energy of 10 % of the message's")
    """
    if kind == "energy":
        return f"at a noise energy of {percent(target)} of the message's"
    return f"at {number(100 * target)} {'point' if target == 0.01 else 'points'} less accuracy"


def void(name: str) -> bool:
    """Whether the figures of attackers who know a defense say nothing of it: its noise may be solved for (theory T11), which nobody did in this study.

    Example:
        >>> [void(name) for name in ("invl_gnp", "water_filling(cost='energy')", "invl_dnp(low=0.6)", "gaussian_noise")]
        [True, True, False, False]
    """
    return parse_component(name, DEFENSES, "defense").tangent_noise


def sentence(name: str, title: str, arm: Mapping[str, Any]) -> str:
    """What a defense shows each attacker, beside isotropic noise of the same cost; of one whose noise may be solved for only the attacker who does not know it.

    Args:
        name: of the defense.
        title: of the defense.
        arm: what `compare` says of it.
    """
    shown = ("unaware",) if void(name) else WHO
    parts = [f"{WHO[who]} {amount(arm['less'][who])}" for who in shown]
    parts += ["no comparison holds for attackers who know it, as they solve for its noise"] if void(name) else []
    aside = {1: " (its strongest setting, which costs less than that)", -1: " (its weakest setting, which costs more than that)"}
    return f"**{title}**{aside.get(arm['missed'], '')} against isotropic noise: {', '.join(parts)}."


def headline(arms: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str], kind: str, target: float, who: str = "aware") -> str:
    """Which defenses show an attacker less than isotropic noise does, which more, and of which nothing can be said; those that an attacker who knows them solves for are not ranked."""
    known = [name for name, arm in arms.items() if name in titles and arm["less"][who] != [0.0, 0.0, 0.0]]
    unranked = [titles[name] for name in known if who != "unaware" and void(name)]
    others = {name: verdict(arms[name]["less"][who]) for name in known if titles[name] not in unranked}
    parts = []
    for said, words in zip(VERDICTS, ("less behind", "more behind", "about the same, or unclear, behind"), strict=True):
        if some := [titles[name] for name, found in others.items() if found == said]:
            parts.append(f"{words} {listed(some)}")
    start = cost(kind, target)
    said = f"{WHO[who]} sees, compared with isotropic noise, {'; '.join(parts)}" if parts else "nothing is ranked"
    left = f". Not ranked: {listed(unranked)}, whose noise an attacker who knows it solves for" if unranked else ""
    return f"{start[0].upper()}{start[1:]}, {said}{left}"


def misled(arms: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> str:
    """Where knowing the defense made the attack worse, which an attacker can always avoid; empty where it did not."""
    some = [titles[name] for name, arm in arms.items() if verdict(arm["told"]) == "less"]
    if not some:
        return ""
    return (
        f"Behind {' and '.join(some)} the aware attack gets **less** than the unaware one: being told of the noise does not help its search. "
        "An attacker is free to ignore it, so the better of both attacks is what counts there."
    )
