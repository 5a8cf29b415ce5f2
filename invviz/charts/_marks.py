"""What stands in the plane of defenses, and the colour and mark of each."""

from __future__ import annotations

import dataclasses

from ._colours import DEFENSE, css, line

COLOURS = (DEFENSE, "#E69F00", "#009E73", "#CC79A7", "#56B4E9")  # Okabe-Ito without the colours that mean an attacker
SHAPES = ("circle", "square", "triangle-up", "triangle-down", "pentagon", "star", "cross", "hexagram", "bowtie")
GLYPHS = ("●", "■", "▲", "▼", "⬟", "★", "✚", "✶", "⧓")
Spot = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Mark:
    """One strength of one defense, in the units of the axes.

    Attributes:
        key: what a click on it hands over.
        line: name of the defense; "" is undefended.
        x: accuracy in percent.
        y: the measure.
        x_ends: interval.
        y_ends: interval.
        dots: (x, y) of every seed.
        front: whether no other mark is better in one and as good in the other.
        hover: lines of the tooltip.
    """

    key: str
    line: str
    x: float
    y: float
    x_ends: tuple[float, float] | None
    y_ends: tuple[float, float] | None
    dots: tuple[tuple[float, float], ...]
    front: bool
    hover: str


@dataclasses.dataclass(frozen=True)
class Look:
    """How the plane is drawn.

    Attributes:
        y_title: of the axis, with its unit.
        limit: accuracy in percent that must be kept.
        allowed: words for what lies right of it.
        best: key of the operating point, "" where there is none.
        label: its words.
        open: key of the mark that is shown beside the plane.
        near: show only what lies near the undefended accuracy.
        dark: choose colours for a dark ground.
        file: name of the file that the camera button writes.
        things: what samples are called.
    """

    y_title: str
    limit: float
    allowed: str
    best: str = ""
    label: str = ""
    open: str = ""
    near: bool = False
    dark: bool = False
    file: str = "plane"
    things: str = "pictures"


def style(place: int, dark: bool = False) -> tuple[str, str, str]:
    """NoiseCovariance, mark and dash of the n-th defense; no two of the first 45 have the same colour and mark."""
    return line(COLOURS[place % len(COLOURS)], dark), SHAPES[place % len(SHAPES)], "solid" if place < len(COLOURS) else "dot"


def sign(place: int) -> str:
    """The mark of the n-th defense as a letter in its colour, as HTML; it stands beside a name and is not read out."""
    return f'<span aria-hidden="true" style="color:{css(COLOURS[place % len(COLOURS)])}">{GLYPHS[place % len(GLYPHS)]}</span>'
