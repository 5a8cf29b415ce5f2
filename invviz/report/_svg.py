"""Charts as SVG that is written by hand: lines, areas, dots and levels on two axes, with colours that follow the page into the dark."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from html import escape

import numpy as np

from ..core.figures import number

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 76, 20, 16, 50
POINTS = 400  # of a line; more than the page shows


@dataclasses.dataclass(frozen=True)
class Axis:
    """One axis: its words (with the unit), its ends, whether it is logarithmic, and how numbers are written; with `names` these stand at 1, 2, 3 and so on."""

    title: str
    low: float
    high: float
    log: bool = False
    form: str = "g"
    names: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The title; a logarithmic axis says so."""
        return f"{self.title} (log scale)" if self.log else self.title

    def share(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """Where values lie between the ends, 0 to 1; what is outside lies at the end."""
        v, low, high = np.asarray(values, dtype=float), self.low, self.high
        if self.log:
            v, low, high = np.log(np.clip(v, low, high)), math.log(low), math.log(high)
        return ((v - low) / (high - low)).clip(0, 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Places with their labels, at most about eight, of names sixteen."""
        if self.names:
            return [(float(k), name) for k, name in enumerate(self.names, 1)][:: -(-len(self.names) // 16)]
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            places = [10.0**e for e in range(first, last + 1, max(1, -(-(last - first + 1) // 7)))]
            if last - first < 1:
                places = [m * 10.0**e for e in range(first - 1, last + 1) for m in (1, 2, 5) if self.low <= m * 10.0**e <= self.high]
            return [(p, number(p, 1)) for p in places]
        rough = (self.high - self.low) / 6
        base = 10.0 ** math.floor(math.log10(rough))
        step = next(m * base for m in (1, 2, 5, 10) if m * base >= rough * (1 - 1e-9))
        if self.form == ",d":
            step = max(1.0, step)
        places = np.arange(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1) * step
        return [(float(p), format(round(p) if self.form == ",d" else float(p) + 0.0, self.form)) for p in places]


@dataclasses.dataclass(frozen=True)
class Line:
    """A line with a class of the style sheet; with `base` the area down to it."""

    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    style: str
    base: float | None = None


@dataclasses.dataclass(frozen=True)
class Level:
    """A line across the chart with its name."""

    y: float
    label: str
    style: str


@dataclasses.dataclass(frozen=True)
class Dot:
    """A mark; its words appear where the pointer rests, and its label beside it. `bar`: the ends of an interval along y."""

    x: float
    y: float
    style: str
    words: str = ""
    label: str = ""
    bar: tuple[float, float] | None = None


def chart(title: str, x: Axis, y: Axis, marks: Sequence[Line | Level | Dot], height: int = HEIGHT) -> str:
    """One chart.

    Args:
        title: what it shows, in one sentence; for those who do not see it.
        x: horizontal axis.
        y: vertical axis.
        marks: first ones lie below.
        height: in units of which the chart is 640 wide.
    """
    place = _Place(x, y, height)
    body = [_grid(place), *(_mark(mark, place) for mark in marks), _names([m for m in marks if isinstance(m, Dot) and m.label], place)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
        + "".join(body)
        + "</svg>"
    )


class _Place:
    """From values to places on the page."""

    def __init__(self, x: Axis, y: Axis, height: int) -> None:
        self.xa, self.ya, self.right, self.bottom = x, y, WIDTH - RIGHT, height - BOTTOM

    def x(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        return LEFT + self.xa.share(values) * (self.right - LEFT)

    def y(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        return self.bottom - self.ya.share(values) * (self.bottom - TOP)

    def path(self, x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> str:
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(self.x(x), self.y(y), strict=True))


def _grid(p: _Place) -> str:
    """Axes, ticks and their words."""
    parts = []
    for value, label in p.ya.ticks():
        y = float(p.y([value])[0])
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{p.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" text-anchor="end" x="{LEFT - 8}" y="{y + 4:.1f}">{escape(label)}</text>')
    for value, label in p.xa.ticks():
        x = float(p.x([value])[0])
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{p.bottom}" y2="{p.bottom + 5}"/>')
        parts.append(f'<text class="tick" text-anchor="middle" x="{x:.1f}" y="{p.bottom + 19}">{escape(label)}</text>')
    middle = (TOP + p.bottom) / 2
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{p.right}" y1="{p.bottom}" y2="{p.bottom}"/>')
    parts.append(f'<text class="name" text-anchor="middle" x="{(LEFT + p.right) / 2}" y="{p.bottom + 41}">{escape(p.xa.words)}</text>')
    parts.append(
        f'<text class="name" text-anchor="middle" transform="rotate(-90 16 {middle})" x="16" y="{middle + 4}">{escape(p.ya.words)}</text>'
    )
    return "".join(parts)


def _mark(mark: Line | Level | Dot, p: _Place) -> str:
    if isinstance(mark, Line):
        return _line(mark, p)
    if isinstance(mark, Level):
        y = float(p.y([mark.y])[0])
        above = y - 7 if y > TOP + 24 else y + 17
        return (
            f'<line class="{mark.style}" x1="{LEFT}" x2="{p.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="label {mark.style}-text" text-anchor="end" x="{p.right - 4}" y="{above:.1f}">{escape(mark.label)}</text>'
        )
    x, y = float(p.x([mark.x])[0]), float(p.y([mark.y])[0])
    bar, colour = "", mark.style.partition(" ")[0]
    if mark.bar:
        low, high = p.y(mark.bar)
        bar = f'<line class="{colour}-bar" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'
    tip = f"<title>{escape(mark.words)}</title>" if mark.words else ""
    return f'{bar}<circle class="{mark.style}" cx="{x:.1f}" cy="{y:.1f}" r="5">{tip}</circle>'


def _line(mark: Line, p: _Place) -> str:
    x, y = np.asarray(mark.x, dtype=float), np.asarray(mark.y, dtype=float)
    if not len(x):
        return ""
    keep = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(int))
    x, y = x[keep], y[keep]
    if mark.base is None:
        return f'<polyline class="{mark.style}" points="{p.path(x, y)}"/>'
    return f'<polygon class="{mark.style}" points="{p.path([x[0], *x, x[-1]], [mark.base, *y, mark.base])}"/>'


def _names(dots: Sequence[Dot], p: _Place) -> str:
    """Labels beside dots, moved apart where they would lie on one another."""
    taken: list[tuple[float, float, float]] = []
    parts = []
    for dot in sorted(dots, key=lambda d: -d.y):
        x, y = float(p.x([dot.x])[0]), float(p.y([dot.y])[0]) + 4
        width = 7.3 * len(dot.label)
        left = x - 12 - width if x + 12 + width > p.right else x + 12
        while any(abs(y - other) < 14 and left < end and start < left + width for start, end, other in taken):
            y += 14
        taken.append((left, left + width, y))
        parts.append(f'<text class="label" x="{left:.1f}" y="{y:.1f}">{escape(dot.label)}</text>')
    return "".join(parts)
