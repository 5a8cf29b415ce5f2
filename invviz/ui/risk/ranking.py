"""The Risk page above the fold: a ranking beside the risk curves of what is compared."""

from __future__ import annotations

import base64
import functools
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from ...compare import AXES, sketched
from ...plots._colours import TRUTH
from ...plots.overlay import risk_curves, spectra
from ...plots.pictures import to_png
from ...risk import band, invre, invre_interval, psnr_ceiling
from ...risk.prior import TAU
from ...scenario import Scenario
from .. import state
from ..sources import RiskView
from .compared import COUNTS, Item, Scored

NOISES = np.geomspace(1e-4, 10, 26)  # of the curves, shares of the message's root mean square
TALL = 356  # of the table, in screen pixels
WHAT = "what"  # name of the column that says what a row is


def choices() -> None:
    """What is compared."""
    axis, count = st.columns([3, 2], vertical_alignment="bottom")
    with axis:
        name = state.key("compare")
        st.segmented_control(
            "Compare",
            list(AXES),
            default=state.view("compare") if state.view("compare") in AXES else "pictures",
            format_func=AXES.__getitem__,
            required=True,
            key=name,
            on_change=lambda: state.set_view("compare", st.session_state[name]),
        )
    if state.view("compare") == "pictures":
        with count:
            many = state.key("count")
            st.segmented_control(
                "How many",
                COUNTS,
                default=state.view("count") if state.view("count") in COUNTS else COUNTS[0],
                required=True,
                key=many,
                on_change=lambda: state.set_view("count", st.session_state[many]),
            )


def table(now: Scenario, rows: list[Scored], axis: str) -> None:
    """The ranking, most exposed first; a click on a row opens it below."""
    done = [row for row in rows if row.view is not None]
    figures = sorted(((*_figures(row), row) for row in done), key=lambda f: -f[0])
    st.markdown(f"**{_finding(figures, rows, axis)}**")
    waiting = [row for row in rows if row.view is None]
    frame = pd.DataFrame([_line(*figure) for figure in figures] + [_waits(row) for row in waiting])
    order = [figure[-1].item for figure in figures] + [row.item for row in waiting]
    pictured = axis == "pictures"
    name = f"ranking {axis} {state.key('')}"

    def opened() -> None:
        chosen = st.session_state[name].selection.rows
        if chosen and chosen[0] < len(order):
            state.open_scenario(_chosen(now, order[chosen[0]]))
            st.session_state["touched"] = True

    columns: dict[str, Any] = {
        "": st.column_config.ImageColumn("", width=44),
        "InvRE": st.column_config.ProgressColumn(
            "InvRE",
            min_value=0.0,
            max_value=1.0,
            format="%.3f",
            color="violet",
            help="Share of what was unknown that an ideal attacker recovers.",
        ),
        "±": st.column_config.TextColumn("±", help="Half the width of the 95 % interval of the sketch.", width=56),
        "ceiling": st.column_config.TextColumn(
            "ceiling", help="PSNR that an ideal attacker reaches on average over pictures like this one.", width=110
        ),
    }
    st.dataframe(
        frame if pictured or frame.empty else frame.drop(columns=[""]),
        hide_index=True,
        column_config=columns,
        row_height=44 if pictured else 35,
        height=min(TALL, 38 + len(frame) * (44 if pictured else 35)),
        on_select=opened,
        selection_mode="single-row",
        key=name,
        alt=_finding(figures, rows, axis),
    )
    busy = len(waiting)
    failed = [row for row in waiting if row.job is not None and row.job.state == "failed"]
    words = "Scored by a sketch: no attack is run. Click a row to open it below." + (
        f" {busy - len(failed)} more to come." if busy > len(failed) else ""
    )
    st.caption(words)
    for row in failed[:1]:
        st.caption(f":material/error: {row.item.label}: {row.job.error if row.job else ''}")


def curves(now: Scenario, rows: list[Scored], axis: str) -> None:
    """Risk over noise, or spectra, of all that is compared."""
    done = [row for row in rows if row.view is not None]
    if not done:
        st.info("Curves appear here as soon as the first sketch is ready.", icon=":material/query_stats:")
        return
    how = state.view("curve")
    ranked = sorted(done, key=lambda row: -_figures(row)[0])
    parts = {row.item.label: "other" for row in done}
    parts[ranked[-1].item.label] = "least"
    parts[ranked[0].item.label] = "most"
    for row in done:
        if row.item.scenario.key("risk") == sketched(now).key("risk"):
            parts[row.item.label] = "this"
    dark = st.context.theme.type == "dark"
    name = state.key("curve")
    st.segmented_control(
        "Curves",
        ["noise", "spectrum"],
        default=how if how in ("noise", "spectrum") else "noise",
        format_func={"noise": "Risk against noise", "spectrum": "Singular values"}.__getitem__,
        required=True,
        key=name,
        label_visibility="collapsed",
        on_change=lambda: state.set_view("curve", st.session_state[name]),
    )
    first = done[0].view
    assert first is not None
    noise = first.sigma(done[0].item.scenario) / first.size.rms
    if how == "spectrum":
        drawn = [{"name": r.item.label, "part": parts[r.item.label], "values": _relative(r.view)} for r in done if r.view is not None]
        st.vega_lite_chart(
            spectra(drawn, noise / TAU, dark), key="overlay spectra", alt="Singular values of all that is compared, one line each."
        )
        st.caption(
            "Leading singular values of J, weighted by the prior, over the message's typical entry, as far as the sketches resolve them: each is at most the true one."
        )
        return
    drawn = [
        {"name": r.item.label, "part": parts[r.item.label], **_curve(r.item.scenario.key("risk"), r.view)}
        for r in done
        if r.view is not None
    ]
    st.vega_lite_chart(
        risk_curves(drawn, noise, dark),
        key="overlay curves",
        alt=f"InvRE over noise, one line each; {_finding([(*_figures(r), r) for r in ranked], rows, axis)}",
    )
    st.caption(
        "Dashed purple: what is open below, with its 95 % band. Grey: the most and the least exposed. Lines that fall early are protected by little noise."
    )


def _figures(row: Scored) -> tuple[float, float, float]:
    """InvRE, half its interval, PSNR ceiling."""
    view = row.view
    assert view is not None
    sigma = view.sigma(row.item.scenario)
    low, high = invre_interval(view.decomposition, sigma)
    return invre(view.decomposition, sigma), (high - low) / 2, psnr_ceiling(view.decomposition, sigma)


def _finding(figures: list[tuple[float, float, float, Scored]], rows: list[Scored], axis: str) -> str:
    if not figures:
        return f"Scoring {len(rows)} {AXES[axis].lower()} ..."
    most, least = figures[0], figures[-1]
    if len(figures) == 1:
        return f"{most[-1].item.label}: InvRE {most[0]:.2f}"
    if most[0] - least[0] < most[1] + least[1]:
        return f"All {len(figures)} are about equally exposed: InvRE {least[0]:.2f} to {most[0]:.2f}, PSNR ceilings {least[2]:.1f} to {most[2]:.1f} dB"
    return f"Most exposed: {most[-1].item.label} (InvRE {most[0]:.2f}); least: {least[-1].item.label} ({least[0]:.2f})"


def _line(score: float, half: float, ceiling: float, row: Scored) -> dict[str, Any]:
    return {
        "": _thumbnail(row.item),
        WHAT: row.item.label + (f" ({row.item.note})" if row.item.note else ""),
        "InvRE": score,
        "±": f"{half:.3f}",
        "ceiling": f"{ceiling:.1f} dB, {band(ceiling)}",
    }


def _waits(row: Scored) -> dict[str, Any]:
    job = row.job
    state_words = (
        ""
        if job is None
        else "failed"
        if job.state == "failed"
        else f"in line: {job.position}"
        if job.state == "queued"
        else "being scored ..."
    )
    return {"": _thumbnail(row.item), WHAT: row.item.label, "InvRE": None, "±": "", "ceiling": state_words}


def _thumbnail(item: Item) -> str | None:
    return None if item.picture is None else _uri(item.picture.tobytes(), item.picture.shape)


@functools.lru_cache(maxsize=512)
def _uri(raw: bytes, shape: tuple[int, ...]) -> str:
    picture = np.frombuffer(raw, np.float32).reshape(1, *shape)
    return "data:image/png;base64," + base64.b64encode(to_png(picture, TRUTH, 64)).decode()


def _chosen(now: Scenario, item: Item) -> Scenario:
    """The scenario that a row stands for, with the method of the one on the screen."""
    return item.scenario.replace(method=now.method)


def _relative(view: RiskView) -> np.ndarray:
    """Singular values, weighted by the prior, over the message's typical entry."""
    gains = view.decomposition.gains
    return np.sqrt(gains[gains > 0]) / TAU / view.size.rms


@st.cache_data(max_entries=500, show_spinner=False)
def _curve(key: str, _view: RiskView) -> dict[str, np.ndarray]:
    """InvRE and its interval over the noise."""
    d, sigmas = _view.decomposition, NOISES * _view.size.rms
    ends = np.array([invre_interval(d, s) for s in sigmas])
    return {"noise": NOISES, "value": np.array([invre(d, s) for s in sigmas]), "low": ends[:, 0], "high": ends[:, 1]}
