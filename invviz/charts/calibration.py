"""What was foretold against what was reached, and how far a straight line holds: Vega-Lite charts."""

from __future__ import annotations

from typing import Any

from ._colours import DASHED, IDEAL, REAL, SOLID, TRUTH, framed, ink, line

SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")


def scatter(points: list[dict[str, Any]], x_title: str, told: bool, dark: bool = False, share: str = "") -> dict[str, Any]:
    """Reached PSNR over what was foretold; one mark a scenario.

    Args:
        points: each with x, y, model, defense, picture, settled (whether the search did not fail in its own eyes; others are faint).
        x_title: of the horizontal axis.
        told: whether the attacker knows the noise; marks are hollow where it does not.
        dark: choose colours for a dark ground.
        share: what y is a share of, where it is no PSNR.
    """
    foretold_in_db = "dB" in x_title
    values = [p[k] for p in points for k in ("x", "y")] if foretold_in_db else [p["y"] for p in points]
    low, high = (min(values) - 2, min(max(values), 80) + 2) if values else (0, 40)
    low, high = (-0.03, 1.03) if share else (low, high)
    encoding = {
        "x": _axis("x", x_title, [low, high] if foretold_in_db or share else [0, 1]) | {"axis": {"grid": False}},
        "y": _axis("y", f"share of {share}, reached" if share else "PSNR reached by the attack (dB)", [low, high]),
        "shape": _shape(sorted({p["model"] for p in points})),
        "tooltip": [
            {"field": "picture", "title": "picture"},
            {"field": "model", "title": "model"},
            {"field": "defense", "title": "defense"},
            {"field": "x", "title": x_title, "format": ".2f"},
            {"field": "y", "title": "reached" if share else "reached (dB)", "format": ".2f" if share else ".1f"},
        ],
        "opacity": {"condition": {"test": "datum.settled", "value": 1.0}, "value": 0.35},
    }
    mark = {"type": "point", "size": 55, "color": line(REAL, dark), "filled": told, "strokeWidth": 1.5, "clip": True}
    diagonal = _diagonal(low, high, dark) if foretold_in_db or x_title.startswith("share") else []
    return framed({"data": {"values": points}, "layer": [{"mark": mark, "encoding": encoding}, *diagonal], "height": 380}, dark)


def _axis(field: str, title: str, domain: list[float]) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title, "scale": {"domain": domain, "clamp": True, "nice": False}}


def _shape(models: list[str]) -> dict[str, Any]:
    """A mark of its own for each model."""
    scale = {"domain": models, "range": list(SHAPES[: len(models)])}
    return {"field": "model", "type": "nominal", "title": "model", "scale": scale, "legend": {"orient": "bottom", "columns": 2}}


def _diagonal(low: float, high: float, dark: bool) -> list[dict[str, Any]]:
    """The line on which what was foretold is reached."""
    ends = [{"x": low, "y": low}, {"x": high, "y": high}]
    place = {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}}
    at = high - 0.28 * (high - low)
    text = {"type": "text", "color": ink(IDEAL, dark), "dy": -8, "dx": -30, "fontWeight": "bold"}
    across = {"type": "line", "color": line(IDEAL, dark), "strokeDash": DASHED, "strokeWidth": 2}
    return [
        {"data": {"values": ends}, "mark": across, "encoding": place},
        {"data": {"values": [{"x": at, "y": at, "text": "as foretold"}]}, "mark": text, "encoding": {**place, "text": {"field": "text"}}},
    ]


def bend(steps: list[float], random: list[float], top: list[float], dark: bool = False) -> dict[str, Any]:
    """How far the release leaves its straight line, over the size of a change of the picture, on two log axes."""
    rows = [
        {"x": s, "y": max(v, 1e-4), "way": way}
        for way, bent in (("strongest directions", top), ("random changes", random))
        for s, v in zip(steps, bent, strict=True)
    ]
    place = {
        "x": {
            "field": "x",
            "type": "quantitative",
            "title": "change of the picture, per pixel (log scale)",
            "scale": {"type": "log", "nice": False},
            "axis": {"format": "~g", "values": steps, "grid": False},
        },
        "y": {
            "field": "y",
            "type": "quantitative",
            "title": "bend / slope (log scale)",
            "scale": {"type": "log", "nice": True},
            "axis": {"format": "~%", "values": [1e-3, 1e-2, 0.1, 1, 10]},
        },
    }
    colours = {
        "scale": {"domain": ["strongest directions", "random changes"], "range": [line(IDEAL, dark), line(TRUTH, dark)]},
        "legend": {"orient": "top", "title": None, "columns": 1},
    }
    dashes = {"scale": {"domain": ["strongest directions", "random changes"], "range": [DASHED, SOLID]}, "legend": None}
    spec = {
        "data": {"values": rows},
        "layer": [
            {
                "mark": {"type": "line", "point": True},
                "encoding": {**place, "color": {"field": "way", **colours}, "strokeDash": {"field": "way", **dashes}},
            },
            {
                "data": {"values": [{"y": 1.0}]},
                "mark": {"type": "rule", "color": line(TRUTH, dark)},
                "encoding": {"y": {"field": "y", "type": "quantitative"}},
            },
        ],
        "height": 280,
    }
    return framed(spec, dark)
