"""Noise in the tangent space: what attackers get over its strength (Vega-Lite), and why more of it tells more (a drawing, SVG)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from ._colours import DEFENSE, GROUNDS, IDEAL, REAL, TRUTH, dash, framed, ink, line
from ._heights import apart

LOW, TOP = 3.0, 62.0  # dB between which lines are drawn; what is better is exact to the eye and stands at the top
HEIGHT = 300  # screen pixels
GAP = 3.6  # dB between two names: a letter's height

WIDTH, TOPMOST, DEPTH = 400, 36, 258  # of the drawing: what is seen of it lies between the second and the third
BEND, FOOT, GROUND = 300.0, 60.0, 226.0  # the curve: y = GROUND - (x - FOOT)^2 / BEND
TRUE, OTHER = 138.0, 82.0  # where both pictures' own messages lie on it
SHORT, LONG = 34.0, 226.0  # steps of the least and of the largest strength, across


@dataclasses.dataclass(frozen=True)
class Line:
    """One attacker over the strengths.

    Attributes:
        name: at its right end.
        psnr: mean over pictures in dB, by strength.
        each: of every picture, by strength; empty draws no dots.
        shape: of its mark.
        hollow: whether it does not know the defense.
        ideal: whether it is the ideal attacker's.
        bold: drawn strongest.
        thin: drawn weakest: of another noise.
    """

    name: str
    psnr: Sequence[float]
    each: Sequence[Sequence[float]] = ()
    shape: str = "circle"
    hollow: bool = False
    ideal: bool = False
    bold: bool = False
    thin: bool = False


def over_strength(lines: Sequence[Line], strengths: Sequence[float], here: float, title: str, dark: bool = False) -> dict[str, Any]:
    """PSNR over the strength of the noise, both names and lines in the colours of their roles.

    Args:
        lines: attackers.
        strengths: of the noise, ascending.
        here: the strength that is shown, marked by a band.
        title: of the axis below.
        dark: choose colours for a dark ground.
    """
    domain = [strengths[0] / 1.15, strengths[-1] * 1.15]
    x = {"field": "x", "type": "quantitative", "title": title, "scale": {"type": "log", "domain": domain, "nice": False}}
    x["axis"] = {"grid": False, "values": list(strengths), "format": "~g", "labelOverlap": True}
    y = {"field": "y", "type": "quantitative", "title": "PSNR, dB (top: 60 and more)", "scale": {"domain": [LOW, TOP], "nice": False}}
    y["axis"] = {"values": [10, 20, 30, 40, 50, 60]}
    band = {"mark": {"type": "rule", "color": TRUTH, "strokeWidth": 14, "opacity": 0.25}, "encoding": {"x": x}}
    layers: list[dict[str, Any]] = [{"data": {"values": [{"x": here}]}, **band}]
    heights = apart([shown(one.psnr[-1]) for one in lines], GAP, (LOW, TOP))
    for one, height in zip(lines, heights, strict=True):
        layers += _line(one, strengths, height, x, y, dark)
    return framed({"layer": layers, "height": HEIGHT}, dark)


def shown(value: float) -> float:
    """PSNR as it is drawn: within the axis."""
    return round(float(np.clip(value, LOW, TOP)), 2)


def _line(one: Line, strengths: Sequence[float], height: float, x: dict[str, Any], y: dict[str, Any], dark: bool) -> list[dict[str, Any]]:
    colour = IDEAL if one.ideal else REAL
    rows = [{"x": s, "y": shown(v), "psnr": round(v, 1), "name": one.name} for s, v in zip(strengths, one.psnr, strict=True)]
    dots = [{"x": s, "y": shown(v), "psnr": round(v, 1), "name": one.name} for s, vs in zip(strengths, one.each, strict=False) for v in vs]
    tooltip = [
        {"field": "name", "title": " "},
        {"field": "x", "title": "strength"},
        {"field": "psnr", "title": "PSNR, dB"},
    ]
    way = {
        "type": "line",
        "color": line(colour, dark),
        "strokeWidth": 3.5 if one.bold else 1 if one.thin else 2,
        "strokeDash": dash(colour),
    }
    point = {"type": "point", "shape": one.shape, "color": line(colour, dark), "filled": not one.hollow, "size": 55, "strokeWidth": 2}
    faint = {"type": "point", "shape": one.shape, "color": line(colour, dark), "filled": not one.hollow, "size": 12, "opacity": 0.55}
    if one.hollow:
        point["fill"] = faint["fill"] = GROUNDS[dark]
    text = {
        "type": "text",
        "align": "left",
        "dx": 6,
        "color": ink(colour, dark),
        "fontSize": 12,
        "fontWeight": "bold" if one.bold else "normal",
    }
    name = [{"y": height, "text": f"{one.name}{' ↑' if one.psnr[-1] > TOP else ''}"}]
    at = {"x": x, "y": y, "tooltip": tooltip}
    layers = [{"data": {"values": dots}, "mark": faint, "encoding": at}] if dots else []
    layers += [{"data": {"values": rows}, "mark": mark, "encoding": at} for mark in ([way] if one.ideal else [way, point])]
    return [*layers, {"data": {"values": name}, "mark": text, "encoding": {"x": {"value": "width"}, "y": y, "text": {"field": "text"}}}]


def drawing(share: float, dark: bool = False) -> str:
    """Why more noise tells more: the message stays on the tangent at the true picture, and leaves that of another one. An SVG.

    A sketch with one direction where there are as many as pixels; nothing in it is to scale.

    Args:
        share: of the way from the least strength to the largest, 0 to 1: how long the step is drawn.
        dark: choose colours for a dark ground.
    """
    sent = TRUE + SHORT + (LONG - SHORT) * min(max(share, 0.0), 1.0)
    end, foot = _tangent(TRUE, sent), _tangent(OTHER, sent)
    curve = " ".join(f"{x:.1f},{_curve(x):.1f}" for x in np.linspace(14, 278, 60))
    parts = [
        f'<polyline points="{curve}" class="all"/>',
        f'<line x1="40" y1="{_tangent(OTHER, 40):.1f}" x2="392" y2="{_tangent(OTHER, 392):.1f}" class="other"/>',
        f'<line x1="96" y1="{_tangent(TRUE, 96):.1f}" x2="392" y2="{_tangent(TRUE, 392):.1f}" class="all thin"/>',
        f'<path d="M{sent:.1f} {end + 7:.1f}V{foot - 2:.1f}M{sent - 5:.1f} {foot - 2:.1f}h10" class="gap"/>',
        f'<line x1="{TRUE}" y1="{_curve(TRUE):.1f}" x2="{sent:.1f}" y2="{end:.1f}" class="noise"/>',
        f'<circle cx="{OTHER}" cy="{_curve(OTHER):.1f}" r="5" class="hollow"/>',
        f'<circle cx="{TRUE}" cy="{_curve(TRUE):.1f}" r="6" class="true"/>',
        f'<circle cx="{sent:.1f}" cy="{end:.1f}" r="6" class="sent"/>',
        _words(6, DEPTH - 10, "another picture: its tangent misses the message", "miss"),
        _words(264, 56, "messages without noise", "quiet", "end"),
        _words(392, 66, "tangent", "quiet", "end") if sent < 300 else _words(236, _tangent(TRUE, 236) + 20, "tangent", "quiet"),
        _words(TRUE - 12, _curve(TRUE) - 14, "true picture", "quiet", "end"),
        _words(min(sent, 350), end - 13, "what is sent", "step", "middle"),
    ]
    size = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 {TOPMOST} {WIDTH} {DEPTH - TOPMOST}" width="{WIDTH}" height="{DEPTH - TOPMOST}"'
    return f"<svg {size}><style>{_style(dark)}</style>{''.join(parts)}</svg>"


def _style(dark: bool) -> str:
    """Colours of the drawing's roles: the truth grey, what the attacker finds out orange, the noise blue."""
    ground, grey, orange, blue = GROUNDS[dark], line(TRUTH, dark), line(REAL, dark), line(DEFENSE, dark)
    return (
        f"text{{font:13px sans-serif;stroke:{ground};stroke-width:4px;paint-order:stroke;stroke-linejoin:round}}"
        f".all{{fill:none;stroke:{grey};stroke-width:2.5}}.all.thin{{stroke-width:1.5}}.true{{fill:{grey}}}.quiet{{fill:{ink(TRUTH, dark)}}}"
        f".other{{stroke:{orange};stroke-width:1.6;stroke-dasharray:3 3}}.gap{{fill:none;stroke:{orange};stroke-width:2}}"
        f".hollow{{fill:{ground};stroke:{orange};stroke-width:2}}.miss{{fill:{ink(REAL, dark)}}}"
        f".noise{{stroke:{blue};stroke-width:4}}.sent{{fill:{blue}}}.step{{fill:{ink(DEFENSE, dark)};font-weight:600}}"
    )


def _words(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _curve(x: float) -> float:
    return GROUND - (x - FOOT) ** 2 / BEND


def _tangent(at: float, x: float) -> float:
    return _curve(at) - 2 * (at - FOOT) / BEND * (x - at)
