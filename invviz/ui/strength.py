"""The slider: which strengths it offers for a defense, and what a strength is called."""

from __future__ import annotations

from ..core.figures import number, percent
from ..defenses import Defense

NICE = (1.0, 1.26, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0)  # ten steps a decade
PARTS = {  # what a strength is a share of, where it is not of the entries
    "sign": "of the way to signs",
    "soteria": "of the last layer's features pruned",
    "dropout": "of the last layer's features dropped",
    "censor": "of every layer's norm at right angles",
}
WORDS = {  # strengths that need words of their own; {v} is the number, {p} the same in percent
    "invl_gnp": "noise along each direction: {p} of the message's typical entry",
    "invl_enp": "noise of scale {v} along each direction, in the embedding's own units",
    "invl_dnp": "noise of scale {v} on pixels from 0 to 1",
    "water_filling": "as costly as Gaussian noise of {p} of the typical entry",
    "optimal_noise": "noise of {p} of the message's typical entry, on average",
    "outpost": "noise {v} times the spread of a layer's weights",
    "dp_sgd": "noise {v} times the clip norm",
    "precode": "randomness {v} times what the net asks for",
    "ats": "{p} of the searched size of each change",
    "nopeek": "weight {v} in training",
    "ressfl": "weight {v} in training",
    "learnable_perturbation": "perturbation of {p} of the picture's code",
}
BEYOND = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
SHARES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999)


def options(defense: Defense) -> list[float | int]:
    """Strengths from weak to strong, the present one among them."""
    knob, now = defense.strength_knob(), getattr(defense, defense.strength)
    if defense.strength == "epsilon":
        values: set[float | int] = {float(f"{n * 10.0**e:.3g}") for e in range(-1, 6) for n in (1, 2, 5)} | {float(str(defense.identity))}
    elif isinstance(knob.default, int):
        values = {*range(2, 17), 32}
    elif knob.log:
        low, high = max(knob.low or 0.0, 1e-4), min(knob.high or 10.0, 10.0)
        values = {float(f"{n * 10.0**e:.3g}") for e in range(-4, 2) for n in NICE if low <= n * 10.0**e <= high * 1.001}
        values |= {knob.low} if knob.low == 0 else set()
    else:
        values = {*SHARES, *(v for v in BEYOND if v <= (knob.high or 1.0))} if (knob.high or 0.0) >= 1 else set(SHARES)
    rising = defense.identity == 0
    return sorted(values | {now}, reverse=not rising)


def label(defense: Defense, value: float | int) -> str:
    """A strength in words, with its unit."""
    relative = getattr(defense, "relative", None)
    if defense.strength == "bits":
        return "not rounded" if value == 32 else f"{value} bits"
    if defense.name in WORDS:
        return "off" if value == defense.identity else WORDS[defense.name].format(v=number(value), p=percent(value))
    if defense.name in PARTS:
        return f"{percent(value)} {PARTS[defense.name]}"
    if defense.strength == "fraction":
        return f"{percent(value)} of the entries {'hidden' if 'encryption' in defense.name else 'dropped'}"
    if defense.strength == "epsilon":
        return "off" if value == defense.identity else f"epsilon = {number(value)}"
    if relative:
        what = "the message's norm" if defense.strength == "clip_norm" else "the message's typical entry"
        return "none (0)" if value == 0 else f"{percent(value)} of {what}"
    if defense.strength == "clip_norm":
        return "off" if value == defense.identity else f"clipped to a norm of {number(value)}"
    return "none (0)" if value == 0 else f"{defense.strength} = {number(value)}"


def caption(defense: Defense) -> str:
    """One sentence under the slider."""
    return f"{defense.strength}: {defense.strength_knob().help}. Formal guarantee: {defense.guarantee}."
