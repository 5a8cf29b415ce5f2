"""The slider: which strengths it offers for a defense."""

from __future__ import annotations

from ..core.modality import PICTURE, Modality
from ..defenses import Defense

NICE = (1.0, 1.26, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0)  # ten steps a decade
BEYOND = (1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
SHARES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999)


def options(defense: Defense, kind: Modality = PICTURE) -> list[float | int]:
    """Strengths from weak to strong, the present one among them; noise as loud as it takes to drown samples of this kind."""
    knob, now = defense.strength_knob(), getattr(defense, defense.strength)
    if defense.strength == "epsilon":
        values: set[float | int] = {float(f"{n * 10.0**e:.3g}") for e in range(-1, 6) for n in (1, 2, 5)} | {float(str(defense.identity))}
    elif isinstance(knob.default, int):
        values = {*range(2, 17), 32}
    elif knob.log:
        low, high = max(knob.low or 0.0, 1e-4), min(knob.high or kind.loudest, kind.loudest)
        values = {float(f"{n * 10.0**e:.3g}") for e in range(-4, 4) for n in NICE if low <= n * 10.0**e <= high * 1.001}
        values |= {knob.low} if knob.low == 0 else set()
    else:
        values = {*SHARES, *(v for v in BEYOND if v <= (knob.high or 1.0))} if (knob.high or 0.0) >= 1 else set(SHARES)
    rising = defense.identity == 0
    return sorted(values | {now}, reverse=not rising)


def caption(defense: Defense) -> str:
    """One sentence under the slider."""
    return f"{defense.strength}: {defense.strength_knob().help}. Formal guarantee: {defense.guarantee}."
