"""Bits learned of a word over the noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._colours import DASHED, DEFENSE, IDEAL, framed, line


def bits_spec(levels: Sequence[float], bits: Sequence[float], entropy: float, noise: float, dark: bool = False) -> dict[str, Any]:
    """A curve over noise on a scale of powers, with the present noise across it.

    Args:
        levels: noise over the message's typical entry.
        bits: learned of a word there.
        entropy: all bits of a word.
        noise: the present one; no line where it is beyond the levels.
        dark: the ground.
    """
    values = [{"noise": level, "bits": bit} for level, bit in zip(levels, bits, strict=True)]
    x = {"field": "noise", "type": "quantitative", "scale": {"type": "log"}, "title": "noise over the message's typical entry"}
    y = {"field": "bits", "type": "quantitative", "title": "bits learned of a word", "scale": {"domain": [0, entropy]}}
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": values},
            "mark": {"type": "line", "color": line(IDEAL, dark), "strokeDash": DASHED, "strokeWidth": 2},
            "encoding": {"x": x, "y": y},
        }
    ]
    if levels[0] <= noise <= levels[-1]:
        rule = {"type": "rule", "color": line(DEFENSE, dark), "strokeWidth": 2}
        layers.append({"data": {"values": [{"noise": noise}]}, "mark": rule, "encoding": {"x": {**x}}})
    return framed({"height": 220, "layer": layers}, dark)
