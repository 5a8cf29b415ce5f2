"""Words in the plane of defenses: the names of lines, and the operating point; who calls finds the places (`Fit`, `Aside`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import plotly.graph_objects as go

from ._marks import Look, Mark, Spot

Fit = Callable[[Mapping[str, Sequence[Spot]], Sequence[str], Sequence[tuple[float, float, float, float]], Spot], Mapping[str, Spot]]
"""Finds places for names: marks of every line by name, names, boxes that are taken, size of the plane; all in pixels from the top left."""
Aside = Callable[[Sequence[Spot], float, tuple[float, float, float, float]], tuple[bool, float, float]]
"""Finds a place for words: marks in pixels from the one that is named, width, and how far the plane reaches from there."""
LETTER = 7.2  # pixels of a letter of a name
INNER = (820.0, 375.0)  # about the size of the plane inside its axes, by which labels are placed


def labels(inside: Sequence[Mark], lines: Sequence[str], look: Look, ends: tuple[Spot, Spot], fit: Fit) -> dict[str, tuple[float, float]]:
    """Where the names of lines stand, for those whose name fits somewhere."""
    x_range, y_range = ends
    wide, tall = INNER[0] / (x_range[1] - x_range[0]), INNER[1] / (y_range[1] - y_range[0])
    at = lambda m: ((m.x - x_range[0]) * wide, (y_range[1] - m.y) * tall)  # noqa: E731
    tracks = {line: [at(m) for m in inside if m.line == line] for line in ["", *lines]}
    taken = [(x - 40, y - 26, x + 40, y - 8) for x, y in tracks[""]]
    corner = ((look.limit - x_range[0]) * wide, INNER[1])
    taken.append((corner[0] - 7 * len(look.allowed), corner[1] - 18, corner[0], corner[1]))
    for m in inside:
        if m.key == look.best:
            x, y = at(m)
            taken.append((x - 16, y - 16, x + 16, y + 16))
    found = fit({line: track for line, track in tracks.items() if track}, [line for line in lines if tracks[line]], taken, INNER)
    return {line: (x / wide + x_range[0], y_range[1] - y / tall) for line, (x, y) in found.items()}


def text(fig: go.Figure, x: float, y: float, words: str, colour: str, dark: bool) -> None:
    ground = "rgba(20,23,28,0.7)" if dark else "rgba(255,255,255,0.75)"
    fig.add_annotation(x=x, y=y, text=words, showarrow=False, font={"size": 12, "color": colour}, bgcolor=ground, borderpad=0)


def ring(
    fig: go.Figure, marks: Sequence[Mark], look: Look, ink: str, ends: tuple[Spot, Spot], aside: Aside, names: Mapping[str, Spot]
) -> None:
    """A ring around the operating point, and its words, towards the middle of the plane and away from the names of lines."""
    best = next((m for m in marks if m.key == look.best), None)
    if best is None or not look.best:
        return
    fig.add_scatter(
        x=[best.x], y=[best.y], mode="markers", hoverinfo="skip", showlegend=False,
        marker={"symbol": "circle-open", "size": 25, "color": ink, "line": {"width": 2.5}}, unselected={"marker": {"opacity": 1.0}},
    )  # fmt: skip
    x_range, y_range = ends
    wide, tall = INNER[0] / (x_range[1] - x_range[0]), INNER[1] / (y_range[1] - y_range[0])
    spots = [((m.x - best.x) * wide, (best.y - m.y) * tall) for m in marks]
    for name, (x, y) in names.items():  # a name is as good as a mark at every other letter
        spots += [((x - best.x) * wide + LETTER * (k - len(name) / 2), (best.y - y) * tall) for k in range(0, len(name) + 1, 2)]
    right, ax, ay = aside(spots, 7.5 * len(look.label), _room(best, wide, tall, x_range, y_range))
    fig.add_annotation(
        x=best.x, y=best.y, text=f"<b>{look.label}</b>", ax=ax, ay=ay, standoff=14, xanchor="right" if right else "left",
        arrowcolor=ink, arrowwidth=1.5, arrowhead=0, font={"size": 12.5, "color": ink}, bgcolor="rgba(20,23,28,0.85)" if look.dark else "rgba(255,255,255,0.9)",
    )  # fmt: skip


def _room(best: Mark, wide: float, tall: float, x_range: Spot, y_range: Spot) -> tuple[float, float, float, float]:
    """Pixels from the operating point to the left, top, right and bottom of the plane."""
    return (x_range[0] - best.x) * wide, (best.y - y_range[1]) * tall, (x_range[1] - best.x) * wide, (best.y - y_range[0]) * tall
