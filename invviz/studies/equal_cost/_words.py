"""What the study says, put into words by rule from its figures: less, more, or no clear difference where the interval holds 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core.figures import listed, number, percent

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


def sentence(title: str, arm: Mapping[str, Any]) -> str:
    """What a defense shows each attacker, beside isotropic noise of the same cost.

    Args:
        title: of the defense.
        arm: what `compare` says of it.
    """
    parts = [f"{WHO[name]} {amount(arm['less'][name])}" for name in WHO]
    aside = {1: " (its strongest setting, which costs less than that)", -1: " (its weakest setting, which costs more than that)"}
    return f"**{title}**{aside.get(arm['missed'], '')} against isotropic noise: {', '.join(parts)}."


def headline(arms: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str], kind: str, target: float, who: str = "aware") -> str:
    """Which defenses show an attacker less than isotropic noise does, which more, and of which nothing can be said."""
    others = {name: verdict(arm["less"][who]) for name, arm in arms.items() if name in titles and arm["less"][who] != [0.0, 0.0, 0.0]}
    parts = []
    for said, words in zip(VERDICTS, ("less behind", "more behind", "about the same, or unclear, behind"), strict=True):
        if some := [titles[name] for name, found in others.items() if found == said]:
            parts.append(f"{words} {listed(some)}")
    start = cost(kind, target)
    return f"{start[0].upper()}{start[1:]}, {WHO[who]} sees, compared with isotropic noise, {'; '.join(parts)}"


def misled(arms: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> str:
    """Where knowing the defense made the attack worse, which an attacker can always avoid; empty where it did not."""
    some = [titles[name] for name, arm in arms.items() if verdict(arm["told"]) == "less"]
    if not some:
        return ""
    return (
        f"Behind {' and '.join(some)} the aware attack gets **less** than the unaware one: being told of the noise does not help its search. "
        "An attacker is free to ignore it, so the better of both attacks is what counts there."
    )
