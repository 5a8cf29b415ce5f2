"""What the ideal attacker learns of one client over the number of clients that are summed: a Vega-Lite chart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._colours import DASHED, DEFENSE, IDEAL, framed, ink, line

DIAMOND = "M0,-1L1,0L0,1L-1,0Z"  # filled and hollow circles are attackers who know and who do not


def curve(
    points: Sequence[tuple[int, float]],
    plain: Sequence[tuple[int, float]],
    here: tuple[int, float],
    full: float,
    most: int,
    dark: bool = False,
) -> dict[str, Any]:
    """InvRE over clients, dashed in purple, with the number from which a sum has fewer equations than unknowns, and where the sliders stand.

    Args:
        points: (clients, InvRE), with the colluders that are chosen.
        plain: the same without colluders; empty where none are chosen.
        here: where the sliders stand.
        full: K*, with the colluders.
        most: clients at the right end.
        dark: choose colours for a dark ground.
    """
    rows = lambda pairs: [{"clients": k, "invre": v} for k, v in pairs]  # noqa: E731
    x = {"field": "clients", "type": "quantitative", "title": "clients in the sum", "scale": {"domain": [1, most], "nice": False}}
    y = {"field": "invre", "type": "quantitative", "title": "InvRE", "scale": {"domain": [0, 1]}}
    ideal = {"type": "line", "color": line(IDEAL, dark), "strokeDash": DASHED, "strokeWidth": 2}
    layers: list[dict[str, Any]] = [
        {"data": {"values": rows(points)}, "mark": ideal, "encoding": {"x": x, "y": y}},
        {
            "data": {"values": rows([here])},
            "mark": {"type": "point", "shape": DIAMOND, "filled": True, "size": 110, "color": line(IDEAL, dark)},
            "encoding": {"x": x, "y": y},
        },
    ]
    if plain:
        faint = {"type": "line", "color": line(IDEAL, dark), "strokeDash": DASHED, "strokeWidth": 1.5, "opacity": 0.4}
        layers.insert(0, {"data": {"values": rows(plain)}, "mark": faint, "encoding": {"x": x, "y": y}})
    if full <= most:
        at = {"data": {"values": [{"clients": full, "text": f"K* = {full:.0f}"}]}}
        place = {"x": {"field": "clients", "type": "quantitative"}}
        layers.append({**at, "mark": {"type": "rule", "color": line(DEFENSE, dark), "strokeWidth": 2}, "encoding": place})
        words = {"type": "text", "color": ink(DEFENSE, dark), "align": "right", "dx": -5, "fontWeight": "bold"}
        layers.append({**at, "mark": words, "encoding": {**place, "y": {"value": 12}, "text": {"field": "text"}}})
    return framed({"layer": layers, "height": 240}, dark)
