"""The Risk page above the fold, right: risk over noise, or spectra, of all that is compared."""

from __future__ import annotations

import numpy as np
import streamlit as st

from ...charts.overlay import risk_curves, spectra
from ...risk.prior import TAU
from ...scenario import Scenario
from ...scenario.families.comparisons import sketched
from .. import choice, things
from ..views import NOISES, RiskView
from .compared import Scored

VIEWS = {"noise": "Risk against noise", "spectrum": "Singular values"}


def draw(now: Scenario, rows: list[Scored], title: str) -> None:
    """The chart that is chosen.

    Args:
        now: the scenario on the screen.
        rows: what is compared, most exposed first.
        title: what the ranking says, for who cannot see the chart.
    """
    done = [row for row in rows if row.view is not None]
    told = [row for row in done if _view(row).size.rms > 0 and _view(row).decomposition.gains.any()]
    if not told:
        silent = "These messages do not change with the picture: there is nothing to draw."
        empty = "Curves appear here as soon as the first one is scored." if rows else "No curves: nothing is compared."
        st.info(things.say(now, silent) if done else empty, icon=":material/query_stats:")
        return
    how = choice.of_view("curve", VIEWS, "Curves", "noise", label_visibility="collapsed")
    parts = _parts(now, told)
    noise = told[0].sigma / _view(told[0]).size.rms
    if how == "spectrum":
        _spectra(told, parts, noise)
    else:
        _noise(told, parts, noise, title)
    if len(told) < len(done):
        st.caption(
            things.say(now, f":material/info: {len(done) - len(told)} without a curve: the message does not change with the picture.")
        )


def _view(row: Scored) -> RiskView:
    assert row.view is not None
    return row.view


def _parts(now: Scenario, told: list[Scored]) -> list[str]:
    """What each curve is: the one on the screen, the most and the least exposed, or another; an upload is none of them."""
    parts = ["other"] * len(told)
    parts[-1], parts[0] = "least", "most"
    open_ = "" if now.upload else sketched(now).key("risk")
    return ["this" if row.item.key == open_ else part for row, part in zip(told, parts, strict=True)]


def _spectra(told: list[Scored], parts: list[str], noise: float) -> None:
    drawn = [{"name": row.item.label, "part": part, "values": _relative(_view(row))} for row, part in zip(told, parts, strict=True)]
    dark = st.context.theme.type == "dark"
    words = "Singular values of all that is compared, one line each."
    st.vega_lite_chart(spectra(drawn, noise / TAU, dark), key="overlay spectra", alt=words)
    st.caption(
        "Leading singular values of J, weighted by the prior, over the message's typical entry. Of a sketch each is at most the true one."
    )


def _noise(told: list[Scored], parts: list[str], noise: float, title: str) -> None:
    drawn = []
    for row, part in zip(told, parts, strict=True):
        curve = _view(row).curve
        ends = {"low": [f.low for f in curve], "high": [f.high for f in curve]}
        drawn.append({"name": row.item.label, "part": part, "noise": NOISES, "value": [f.score for f in curve], **ends})
    dark = st.context.theme.type == "dark"
    st.vega_lite_chart(risk_curves(drawn, noise, dark), key="overlay curves", alt=f"InvRE over noise, one line each; {title}")
    own = "Dashed purple: what is open below, with its 95 % band. " if "this" in parts else ""
    st.caption(f"{own}Grey: the most and the least exposed. Lines that fall early are protected by little noise.")


def _relative(view: RiskView) -> np.ndarray:
    """Singular values, weighted by the prior, over the message's typical entry."""
    gains = view.decomposition.gains
    return np.sqrt(gains[gains > 0]) / TAU / view.size.rms
