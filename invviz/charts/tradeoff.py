"""Accuracy against what an attacker gets: the plane of defenses (Plotly), and who holds what (Vega-Lite)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from . import _colours
from ._colours import TRUTH
from ._marks import COLOURS, Look, Mark, Spot, sign, style
from ._words import Aside, Fit, labels, ring, text

TALL = 440  # screen pixels
HALO = "shown beside"  # name of the rings of which one is seen


def plane(marks: Sequence[Mark], lines: Sequence[str], look: Look, fit: Fit, aside: Aside) -> go.Figure:
    """Defenses as lines from weak to strong; up is less private, right is more accurate.

    Args:
        marks: the undefended one first; of a defense in the order of strength.
        lines: names of the defenses, which keep colour and mark.
        look: how.
        fit: finds places for names; what finds none stands in a legend.
        aside: finds a place for the words of the operating point.
    """
    x_range, y_range = ranges(marks, look)
    ink = "#E8EAED" if look.dark else "#1B1F24"
    fig = go.Figure()
    _ground(fig, marks, look, x_range)
    inside = [m for m in marks if x_range[0] <= m.x <= x_range[1]]
    placed = labels(inside, lines, look, (x_range, y_range), fit)
    for number, line in enumerate(lines):
        mine = [m for m in marks if m.line == line]
        if mine:
            seen = any(m in inside for m in mine)
            _line(fig, mine, number, look, ink, seen and line not in placed, (x_range, y_range))
    bare = [m for m in marks if not m.line]
    _undefended(fig, bare, look, ink, (x_range, y_range))
    for line, (x, y) in placed.items():
        colour = _colours.ink(COLOURS[lines.index(line) % len(COLOURS)], look.dark)
        text(fig, x, y, f"<b>{line}</b>", colour, look.dark)
    ring(fig, marks, look, ink, (x_range, y_range), aside, placed)
    _halo(fig, marks, look.open, ink)
    _layout(fig, look, x_range, y_range)
    return fig


def config(file: str) -> dict[str, Any]:
    """Of the chart: a camera that writes SVG, and little else."""
    return {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
        "toImageButtonOptions": {"format": "svg", "filename": file, "width": 1100, "height": 560},
    }


def ranges(marks: Sequence[Mark], look: Look) -> tuple[tuple[float, float], tuple[float, float]]:
    """Of both axes: all marks, or those near the undefended accuracy; long intervals run out of the picture."""
    full = next(m.x for m in marks if not m.line)
    cost = max(full - look.limit, 0.0)
    low = max(full - max(12.0, 3 * cost), 0.0) if look.near else min(m.x for m in marks)
    shown = [m for m in marks if m.x >= low]
    low = max(low, min([m.x for m in shown] + [look.limit]))  # no wider than there is something to see
    high = max([m.x for m in shown] + [full, look.limit])
    room = max(high - low, 1.0)
    x_range = (low - 0.04 * room, high + 0.06 * room)
    values = [y for m in shown for y in (m.y, *(v for _, v in m.dots))]
    room = max(max(values) - min(values), 1e-3)
    return x_range, (min(values) - 0.08 * room, max(values) + 0.12 * room)


def _ground(fig: go.Figure, marks: Sequence[Mark], look: Look, x_range: tuple[float, float]) -> None:
    """The allowed region, its border, and the front as a pale stair."""
    tint = "rgba(86, 180, 233, 0.13)" if look.dark else "rgba(0, 114, 178, 0.07)"
    fig.add_vrect(x0=look.limit, x1=x_range[1], fillcolor=tint, line_width=0, layer="below")
    fig.add_vline(x=look.limit, line={"color": TRUTH, "width": 1.5}, layer="below")
    fig.add_annotation(
        x=look.limit,
        xanchor="right",
        xshift=-4,
        y=0,
        yref="paper",
        yanchor="bottom",
        text=look.allowed,
        showarrow=False,
        font={"size": 11.5, "color": _colours.ink(TRUTH, look.dark)},
    )
    front = sorted((m for m in marks if m.front), key=lambda m: m.x)
    if len(front) > 1:
        stair = {"color": TRUTH, "width": 6, "shape": "hv"}
        fig.add_scatter(
            x=[m.x for m in front], y=[m.y for m in front], mode="lines", line=stair, opacity=0.25, hoverinfo="skip", showlegend=False
        )


def _line(fig: go.Figure, mine: Sequence[Mark], number: int, look: Look, ink: str, legend: bool, ends: tuple[Spot, Spot]) -> None:
    colour, shape, dash = style(number, look.dark)
    dots = [(x, y, m.key) for m in mine for x, y in m.dots] if any(len(m.dots) > 1 for m in mine) else []
    if dots:
        fig.add_scatter(
            x=[d[0] for d in dots], y=[d[1] for d in dots], customdata=[d[2] for d in dots], mode="markers", showlegend=False,
            legendgroup=mine[0].line, marker={"color": colour, "size": 4.5, "opacity": 0.45}, unselected={"marker": {"opacity": 0.45}}, hoverinfo="none",
        )  # fmt: skip
    edges = {"color": [ink if m.front else colour for m in mine], "width": [2 if m.front else 0.5 for m in mine]}
    fig.add_scatter(
        x=[m.x for m in mine], y=[m.y for m in mine], hoverinfo="skip", unselected={"marker": {"opacity": 1.0}},
        mode="lines+markers", name=mine[0].line, legendgroup=mine[0].line, showlegend=legend,
        line={"color": colour, "width": 1.8, "dash": dash}, marker={"color": colour, "symbol": shape, "size": 10.5, "line": edges},
        error_x=_whiskers(mine, "x", colour, ends[0]), error_y=_whiskers(mine, "y", colour, ends[1]),
    )  # fmt: skip


def _undefended(fig: go.Figure, bare: Sequence[Mark], look: Look, ink: str, ends: tuple[Spot, Spot]) -> None:
    words = {"color": _colours.ink(TRUTH, look.dark)}
    fig.add_scatter(
        x=[m.x for m in bare], y=[m.y for m in bare], hoverinfo="skip", unselected={"marker": {"opacity": 1.0}, "textfont": words},
        mode="markers+text", text=["no defense"] * len(bare), textposition="top center", textfont=words, showlegend=False,
        marker={"color": TRUTH, "symbol": "diamond", "size": 15, "line": {"color": ink, "width": 1.5}},
        error_x=_whiskers(bare, "x", TRUTH, ends[0]), error_y=_whiskers(bare, "y", TRUTH, ends[1]),
    )  # fmt: skip


def _halo(fig: go.Figure, marks: Sequence[Mark], opened: str, ink: str) -> None:
    """A ring around every mark, unseen but for the one that is open beside the plane.

    The rings lie on top and take what the pointer does, so that the browser itself moves the visible one with a click: a chart that is drawn anew flickers and
    forgets its zoom.
    """
    fig.add_scatter(
        x=[m.x for m in marks], y=[m.y for m in marks], customdata=[m.key for m in marks], hovertext=[m.hover for m in marks], hoverinfo="text",
        mode="markers", name=HALO, showlegend=False, marker={"symbol": "circle-open", "size": 19, "color": ink, "line": {"width": 4}, "opacity": 0.0},
        selectedpoints=[i for i, m in enumerate(marks) if m.key == opened],
        selected={"marker": {"opacity": 1.0}}, unselected={"marker": {"opacity": 0.0}},
    )  # fmt: skip


def _whiskers(mine: Sequence[Mark], axis: str, colour: str, plane: Spot) -> dict[str, Any] | None:
    """Intervals, but for those that would say nothing: wider than half the plane."""
    ends = [e if (e := getattr(m, f"{axis}_ends")) and e[1] - e[0] < (plane[1] - plane[0]) / 2 else None for m in mine]
    values = [getattr(m, axis) for m in mine]
    if not any(ends):
        return None
    up = [e[1] - v if e else 0.0 for e, v in zip(ends, values, strict=True)]
    down = [v - e[0] if e else 0.0 for e, v in zip(ends, values, strict=True)]
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return {
        "type": "data",
        "symmetric": False,
        "array": up,
        "arrayminus": down,
        "color": f"rgba({red},{green},{blue},0.4)",
        "thickness": 1.2,
        "width": 0,
    }


def _layout(fig: go.Figure, look: Look, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
    fig.update_layout(
        height=TALL,
        margin={"l": 8, "r": 8, "t": 26, "b": 8},
        hovermode="closest",
        clickmode="event+select",
        dragmode="pan",
        legend={"orientation": "h", "yanchor": "top", "y": -0.15, "x": 0, "font": {"size": 12}},
    )
    grey = _colours.ink(TRUTH, look.dark)
    fig.update_xaxes(title=f"accuracy on held-out {look.things} (%), higher is better", range=list(x_range), zeroline=False, showgrid=False)
    fig.update_yaxes(title=look.y_title, range=list(y_range), zeroline=False)
    for axes in (fig.update_xaxes, fig.update_yaxes):
        axes(tickfont={"color": grey}, title_font={"color": grey})


__all__ = ["Look", "Mark", "config", "plane", "ranges", "sign", "style"]
