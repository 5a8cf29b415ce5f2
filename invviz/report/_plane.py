"""The plane of utility and privacy of a sweep, drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..studies.tradeoff import PRIVACY, Point
from ._figures import Figure
from ._svg import Axis, Dot, Line, chart


@dataclasses.dataclass(frozen=True)
class _Ends:
    """Of an axis, a little wider than the values."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float], least: float) -> _Ends:
        low, high = min(values), max(values)
        rim = max(0.08 * (high - low), (least - (high - low)) / 2)
        return cls(low - rim, high + rim)


def plane(found: Sequence[Point], measure: str, style: str, name: str) -> Figure:
    """Every strength of every defense; the best place is the lower right."""
    kind = PRIVACY[measure]
    across = _Ends.of([100 * p.accuracy.value for p in found], 4)
    upward = _Ends.of([v for p in found for v in (p.value.value, *(p.value.interval or ()))], 2 if kind.unit else 0.1)
    x = Axis("accuracy (%)", max(across.low, -2), min(across.high, 102))
    y = Axis(f"{kind.title}{' (' + kind.unit + ')' if kind.unit else ''}", upward.low, upward.high)
    arms: dict[tuple[str, str], list[Point]] = {}
    for p in found:
        arms.setdefault((p.defense, p.strength_name), []).append(p)
    marks: list[Line | Dot] = [
        Line([100 * p.accuracy.value for p in arm], [p.value.value for p in arm], style) for arm in arms.values() if len(arm) > 1
    ]
    for (defense, _), arm in arms.items():
        for place, p in enumerate(arm):
            words = f"{p.label}: accuracy {100 * p.accuracy.value:.1f} %, {kind.title} {p.value.value:{kind.format}} {kind.unit}".strip()
            hollow = measure != "ceiling" and "(unaware)" in p.attack
            label = ("no defense" if defense == "none" else defense) if place == len(arm) - 1 else ""
            marks.append(
                Dot(100 * p.accuracy.value, p.value.value, f"dot-{style}" + (" hollow" if hollow else ""), words, label, p.value.interval)
            )
    lines = "lines join the strengths of one defense, the strongest is named; bars: 95 % over seeds"
    legend = lines if measure == "ceiling" else f"{lines}; hollow: the strongest attack does not know of the defense"
    footer = f"{name + '. ' if name else ''}Right is useful, low is private; {legend}"
    finding = f"{kind.title} against accuracy: {_front(found)}"
    return Figure(chart(finding, x, y, marks, height=380), finding, footer)


def _front(found: Sequence[Point]) -> str:
    """Which points are worth a thought, in words."""
    best = [p.label for p in found if p.on_front]
    named = "; ".join(best[:3]) + (f" and {len(best) - 3} more" if len(best) > 3 else "")
    return f"{len(best)} of {len(found)} points are on the front ({named})"
