"""Records of an audit: what the ideal attacker is expected to get of each, and what a real attack got."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from ._colours import IDEAL, REAL

Figure = go.Figure
MOST = 100.0  # dB that are drawn; what is exact to rounding lies there


def exposure_figure(rows: Sequence[tuple[int, float, float | None, str]], ordered: bool = True) -> Figure:
    """Dots, one record beside the other.

    Args:
        rows: record, expected PSNR of the ideal attacker in dB (NaN where not known), PSNR of the best real attack (None without one), and its name.
        ordered: whether the most exposed record is the first.
    """
    names = [str(record) for record, *_ in rows]
    shown = lambda v: None if v is None or math.isnan(v) else min(v, MOST)  # noqa: E731
    figure = go.Figure()
    figure.add_scatter(
        x=names, y=[shown(ideal) for _, ideal, _, _ in rows], mode="markers", name="ideal attacker, expected",
        marker={"color": IDEAL, "size": 11, "symbol": "diamond"}, hovertemplate="record %{x}: %{y:.1f} dB expected<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=names, y=[shown(real) for _, _, real, _ in rows], mode="markers", name="best real attack", text=[name for *_, name in rows],
        marker={"color": REAL, "size": 10}, hovertemplate="record %{x}: %{y:.1f} dB by %{text}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        xaxis={"title": "record, most exposed first" if ordered else "record", "type": "category"},
        yaxis={"title": "PSNR (dB)"},
        legend={"orientation": "h", "y": 1.12},
        margin={"l": 60, "r": 20, "t": 40, "b": 50},
        height=360,
    )
    return figure
