"""Series over time: what is private, what an ideal attacker makes of it, what a real one got; and small pictures of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from ..core.pixels import as_bytes
from ._colours import IDEAL, REAL, TRUTH, dash, framed, ink, line

PEN = 40  # of lines on white, as grey
ON_ANY = "#767C86"  # of lines without a ground: 4.2 to 1 on white and on the dark theme's
WIDE, HIGH, FINER = 192, 144, 3  # pixels of a small picture; it is drawn so many times larger first, for smooth lines


def series_spec(
    seconds: float,
    unit: str,
    truth: np.ndarray,
    ideal: np.ndarray | None = None,
    spread: np.ndarray | None = None,
    guess: np.ndarray | None = None,
    dark: bool = False,
) -> dict[str, Any]:
    """Lines of one channel over time, on one scale.

    Args:
        seconds: from the first value to behind the last one.
        unit: of the values.
        truth: (length,), in that unit; likewise the others.
        ideal: what the ideal attacker sees.
        spread: one standard deviation of what it is left in doubt about, at every value.
        guess: what a real attack got.
        dark: the ground.
    """
    time = np.arange(len(truth)) * seconds / len(truth)
    x = {"field": "t", "type": "quantitative", "title": "seconds", "scale": {"nice": False, "domain": [0, seconds]}}
    y = {"type": "quantitative", "title": unit, "scale": {"zero": False}}
    layers: list[dict[str, Any]] = []
    if ideal is not None and spread is not None:
        band = [{"t": t, "low": v - s, "high": v + s} for t, v, s in zip(time.tolist(), ideal.tolist(), spread.tolist(), strict=True)]
        mark = {"type": "area", "color": line(IDEAL, dark), "opacity": 0.18}
        layers.append({"data": {"values": band}, "mark": mark, "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}})
    for values, colour, width in ((truth, TRUTH, 3.0), (ideal, IDEAL, 2.0), (guess, REAL, 1.5)):
        if values is not None:
            rows = [{"t": t, "v": v} for t, v in zip(time.tolist(), values.tolist(), strict=True)]
            shade = ink(colour, dark) if colour == TRUTH else line(colour, dark)
            mark = {"type": "line", "color": shade, "strokeWidth": width, "strokeDash": dash(colour), "interpolate": "linear"}
            layers.append({"data": {"values": rows}, "mark": mark, "encoding": {"x": x, "y": {**y, "field": "v"}}})
    return framed({"height": 220, "layer": layers}, dark)


def known_along(values: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Series (b, channels, length) in [0, 1] as pictures of lines, (b, 3, HIGH, WIDE) in [0, 1], on a ground that is the deeper purple, the nearer `depth` (b, length) is to 1."""
    full = np.array([int(IDEAL[i : i + 2], 16) / 255 for i in (1, 3, 5)])[None, :, None]
    place = (np.arange(WIDE) * depth.shape[1] // WIDE).clip(0, depth.shape[1] - 1)
    share = depth[:, None, place]
    ground = (1 - share) * 0.835 + share * full  # as the scale beside it, but that lines can be read on the deepest, too
    return (ground[:, :, None] * small(as_bytes(values)) / 255).astype(np.float32)


def small(raw: np.ndarray) -> np.ndarray:
    """Series (b, channels, length) of bytes as pictures of lines, (b, 1, HIGH, WIDE) bytes: 0 below, 255 above."""
    return np.stack([_small(one) for one in raw])[:, None]


def see_through(sheet: Image.Image) -> Image.Image:
    """Lines on white as lines on no ground, which are seen on a light page and on a dark one."""
    found = Image.new("RGBA", sheet.size, ON_ANY)
    found.putalpha(sheet.convert("L").point(lambda grey: min(255, (255 - grey) * 255 // (255 - PEN))))
    return found


def _small(one: np.ndarray) -> np.ndarray:
    size = WIDE * FINER, HIGH * FINER
    sheet = Image.new("L", size, 255)
    pen = ImageDraw.Draw(sheet)
    for channel in one:
        across = np.linspace(FINER, size[0] - FINER, len(channel))
        down = size[1] - FINER - channel / 255 * (size[1] - 2 * FINER)
        pen.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill=PEN, width=2 * FINER, joint="curve")
    return np.asarray(sheet.resize((WIDE, HIGH), Image.Resampling.BOX))


__all__ = ["HIGH", "WIDE", "known_along", "see_through", "series_spec", "small"]
