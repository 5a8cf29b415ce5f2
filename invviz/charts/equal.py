"""What attackers see over what a defense costs, one line a defense, one panel an attacker: Vega-Lite charts."""

from __future__ import annotations

from typing import Any

from ._colours import DASHED, DEFENSE, SOLID, TRUTH, framed, line

COLOURS = (TRUTH, DEFENSE, "#56B4E9", "#009E73", "#E69F00")  # of the defenses; isotropic noise is grey
SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down")
DASHES = {"unaware": SOLID, "aware": SOLID, "ceiling": DASHED}
Rows = list[dict[str, Any]]


def panel(
    rows: Rows, names: list[str], who: str, x: dict[str, Any], y_domain: list[float], target: float, dark: bool = False
) -> dict[str, Any]:
    """PSNR over cost for one attacker.

    Args:
        rows: each with name, strength, and x, x_low, x_high, y, y_low, y_high; in the order of their strengths (rank).
        names: of the defenses, which keep their colours and marks in all panels.
        who: "unaware" (solid, hollow), "aware" (solid, filled) or "ceiling" (dashed, filled).
        x: title, domain, log (whether the axis is) and format of the horizontal axis.
        y_domain: of the PSNR, the same in all panels.
        target: where defenses are compared; a line is drawn there.
        dark: choose colours for a dark ground.
    """
    scale = {"domain": x["domain"], "nice": False, "type": "log" if x["log"] else "linear"}
    across = {"type": "quantitative", "title": x["title"], "scale": scale, "axis": {"format": x["format"], "grid": False, "tickCount": 5}}
    upward = {"type": "quantitative", "title": "PSNR (dB)", "scale": {"domain": y_domain, "nice": False}}
    colour = {
        "field": "name",
        "type": "nominal",
        "scale": {"domain": names, "range": [line(c, dark) for c in COLOURS[: len(names)]]},
        "legend": None,
    }
    shape = {**colour, "scale": {"domain": names, "range": list(SHAPES[: len(names)])}}
    place = {"x": {"field": "x", **across}, "y": {"field": "y", **upward}, "color": colour}
    tooltip = [
        {"field": "name", "title": "defense"},
        {"field": "strength", "title": "strength", "format": ".3g"},
        {"field": "y", "title": "PSNR (dB)", "format": ".1f"},
        {"field": "x", "title": x["title"], "format": ".3~g"},
    ]
    way = {"type": "line", "strokeDash": DASHES[who], "clip": True, "strokeWidth": 1.8}
    point = {"type": "point", "size": 40, "filled": who != "unaware", "clip": True}
    bar = {"type": "rule", "strokeWidth": 1, "opacity": 0.6, "clip": True}
    ends_x = {"x": {"field": "x_low", **across}, "x2": {"field": "x_high"}, "y": place["y"], "color": colour}
    ends_y = {"x": place["x"], "y": {"field": "y_low", **upward}, "y2": {"field": "y_high"}, "color": colour}
    layers = [
        {"mark": way, "encoding": {**place, "order": {"field": "rank", "type": "quantitative"}}},
        {"mark": bar, "encoding": ends_x},
        {"mark": bar, "encoding": ends_y},
        {"mark": point, "encoding": {**place, "shape": shape, "tooltip": tooltip}},
        {
            "data": {"values": [{"x": target}]},
            "mark": {"type": "rule", "color": line(TRUTH, dark)},
            "encoding": {"x": place["x"]},
        },
    ]
    return framed({"data": {"values": rows}, "layer": layers, "height": 260}, dark)
