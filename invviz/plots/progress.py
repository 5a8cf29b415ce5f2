"""An attack over its steps: live curves (Vega-Lite, updated in place) and a scrubber over the finished run (Plotly, in the browser)."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ._colours import REAL, TRUTH
from .pictures import to_png

POINTS = 300
FRAMES = 60  # pictures in the scrubber; at 32x32 about 2 kB each


def live_spec(steps: np.ndarray, loss: np.ndarray) -> dict[str, Any]:
    """The matching loss over steps, on a log axis."""
    good = np.isfinite(loss) & (loss > 0)
    steps, loss = steps[good], loss[good]
    keep = np.unique(np.linspace(0, max(len(steps) - 1, 0), POINTS).round().astype(int)) if len(steps) else []
    rows = [{"step": int(steps[i]), "loss": float(loss[i])} for i in keep]
    encoding = {
        "x": {"field": "step", "type": "quantitative", "title": "step of the attack", "axis": {"grid": False}},
        "y": {
            "field": "loss",
            "type": "quantitative",
            "title": "matching loss (log scale)",
            "scale": {"type": "log"},
            "axis": {"format": ".0e", "values": [10.0**e for e in range(-20, 6)]},
        },
    }
    return {
        "data": {"values": rows},
        "mark": {"type": "line", "color": REAL, "strokeWidth": 2, "interpolate": "linear"},
        "encoding": encoding,
        "height": 250,
    }


def scrubber(steps: np.ndarray, frames: np.ndarray, psnr: np.ndarray, loss_steps: np.ndarray, loss: np.ndarray) -> go.Figure:
    """Picture, matching loss and a slider over the iterations; scrubbing needs no trip to the server.

    Args:
        steps: (k,) step of each frame.
        frames: (k, b, c, h, w) uint8.
        psnr: (k,) dB of each frame, known to us and not to the attacker.
        loss_steps: (m,) step of each loss.
        loss: (m,) matching loss.
    """
    pick = np.unique(np.linspace(0, len(steps) - 1, FRAMES).round().astype(int))
    curve = np.unique(np.linspace(0, len(loss_steps) - 1, POINTS).round().astype(int)) if len(loss_steps) else np.array([], int)
    at_frame = np.interp(steps[pick], loss_steps, loss) if len(loss_steps) else np.ones(len(pick))
    sheets = [_data_uri(frames[i]) for i in pick]
    fig = make_subplots(cols=2, column_widths=[0.36, 0.64], horizontal_spacing=0.12, subplot_titles=["", "matching loss (log scale)"])
    fig.add_trace(go.Image(source=sheets[-1], hoverinfo="skip"), 1, 1)
    fig.add_trace(
        go.Scatter(x=loss_steps[curve], y=loss[curve], mode="lines", line={"color": REAL, "width": 2}, name="matching loss"), 1, 2
    )
    mark = {"color": REAL, "size": 11, "line": {"color": TRUTH, "width": 1}}
    fig.add_trace(go.Scatter(x=[steps[pick][-1]], y=[at_frame[-1]], mode="markers", marker=mark, hoverinfo="skip"), 1, 2)
    fig.frames = [
        go.Frame(name=str(steps[i]), data=[go.Image(source=s), go.Scatter(x=[steps[i]], y=[v])], traces=[0, 2])
        for i, s, v in zip(pick, sheets, at_frame, strict=True)
    ]
    instant = {"frame": {"duration": 0, "redraw": True}, "mode": "immediate", "transition": {"duration": 0}}
    stops = [{"args": [[str(steps[i])], instant], "label": f"{steps[i]} ({psnr[i]:.1f} dB)", "method": "animate"} for i in pick]
    play = {"frame": {"duration": 80, "redraw": True}, "fromcurrent": True, "transition": {"duration": 0}}
    fig.update_layout(
        height=330,
        margin={"l": 6, "r": 10, "t": 26, "b": 6},
        showlegend=False,
        sliders=[
            {
                "active": len(stops) - 1,
                "steps": stops,
                "currentvalue": {"prefix": "step ", "font": {"size": 13}},
                "pad": {"t": 44, "l": 90},
                "ticklen": 0,
                "minorticklen": 0,
                "font": {"size": 1, "color": "rgba(0,0,0,0)"},
            }
        ],
        updatemenus=[
            {
                "type": "buttons",
                "showactive": False,
                "direction": "left",
                "x": 0,
                "y": 0,
                "xanchor": "left",
                "yanchor": "top",
                "pad": {"t": 62},
                "buttons": [
                    {"label": "▶", "method": "animate", "args": [None, play]},
                    {"label": "❚❚", "method": "animate", "args": [[None], instant]},
                ],
            }
        ],
    )
    fig.update_xaxes(visible=False, row=1, col=1)
    fig.update_yaxes(visible=False, row=1, col=1)
    fig.update_xaxes(title="step of the attack", row=1, col=2)
    fig.update_annotations(font_size=12)
    fig.update_yaxes(type="log", dtick=1, exponentformat="power", row=1, col=2)
    return fig


def _data_uri(frame: np.ndarray) -> str:
    import base64

    return "data:image/png;base64," + base64.b64encode(to_png(frame, REAL, 192)).decode()
