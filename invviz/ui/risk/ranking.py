"""The Risk page above the fold, left: what is compared, most exposed first."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from ...charts._colours import TRUTH
from ...charts.pictures import to_png
from ...core.figures import percent
from ...engine import bounds
from ...risk.invre import MAX_PSNR
from ...scenario import Scenario
from ...scenario.families.comparisons import AXES, axes
from .. import choice, glossary, look, press, sight, state, things
from ..trouble import plain
from ..views import NOISES, Figures
from . import compared
from .compared import COUNTS, Item, Scored

TALL = 356  # of the table, in screen pixels
WHAT = "what"  # name of the column that says what a row is
SURE = 1.0  # dB: a narrower interval is told as one number
THUMBNAIL = 44  # screen pixels


def choices(now: Scenario) -> None:
    """What is compared."""
    axis, count = st.columns([3, 2], vertical_alignment="bottom")
    with axis:
        chosen = choice.of_view("compare", axes(now), "Compare", "pictures")
    if chosen == "pictures":
        with count:
            choice.of_view("count", {n: n for n in COUNTS}, "How many")


def table(now: Scenario, rows: list[Scored], axis: str, left_out: list[str]) -> None:
    """The ranking; a click on a row opens it below.

    Args:
        now: the scenario on the screen.
        rows: what is compared, most exposed first, what has no spectrum yet at the end.
        axis: one of compare.AXES.
        left_out: why something is not compared.
    """
    title = finding(rows, axis, left_out)
    st.markdown(f"## {title}".replace(" · ", "\u00a0·\u00a0"), help=glossary.of(title))  # a number stays beside its name
    if not rows:
        return
    frame = pd.DataFrame([_line(row) for row in rows])
    # its answer is a place in the table, so that another order is another table
    order = hashlib.sha256("|".join(row.item.label for row in rows).encode()).hexdigest()[:8]
    pictured, name = axis == "pictures", f"ranking {axis} {order} {state.key('')}"
    tall = THUMBNAIL if pictured else 35
    st.dataframe(
        frame if pictured else frame.drop(columns=[""]),
        hide_index=True,
        column_config=_columns(),
        row_height=tall,
        height=min(TALL, 38 + len(frame) * tall),
        on_select=_opens(now, rows, axis, name),
        selection_mode="single-row",
        key=name,
        alt=title,
    )
    _below(now, rows, left_out)


def finding(rows: list[Scored], axis: str, left_out: list[str]) -> str:
    """What the ranking says, in one line."""
    done = [row for row in rows if row.view is not None]
    if not rows:
        return f"Nothing to compare: {plain(' '.join(left_out))}"
    if not done:
        failed = len(_failed(rows)) == len(rows)
        many = things.say(rows[0].item.scenario, f"{len(rows)} {AXES[axis].lower()}")
        return f"None of {many} could be scored" if failed else f"Scoring {many} ..."
    most, least = done[0].figures, done[-1].figures
    if len(done) == 1:
        return f"{done[0].item.label}: InvRE {most.score:.2f}"
    if most.score - least.score < most.half + least.half or f"{most.score:.2f}" == f"{least.score:.2f}":
        worst, best = min(row.figures.worst for row in done), max(row.figures.best for row in done)
        low, high = f"{least.score:.2f}", f"{most.score:.2f}"
        return f"All {len(done)} are about equally exposed: InvRE {low if low == high else f'{low} to {high}'}, expected best {_span(worst, best)}"
    close = [row.item.label for row in done[1:] if most.score - row.figures.score < most.half + row.figures.half]
    tie = f", not told apart from {', '.join(close) if len(close) < 3 else f'{len(close)} others'}" if close else ""
    return f"Most exposed: {done[0].item.label} (InvRE {most.score:.2f}{tie}); least: {done[-1].item.label} ({least.score:.2f})"


def parting(rows: list[Scored]) -> str:
    """At which noise what is compared differs most, where it hardly does at the present one; empty where it differs already, or nowhere beyond its intervals."""
    done = [row for row in rows if row.view is not None]
    if len(done) < 2 or not finding(rows, "pictures", []).startswith("All "):
        return ""
    curves = [row.view.curve for row in done if row.view]
    ends = [(max(f, key=lambda x: x.score), min(f, key=lambda x: x.score)) for f in zip(*curves, strict=True)]
    gap, place = max((most.score - least.score, place) for place, (most, least) in enumerate(ends))
    most, least = ends[place]
    if gap < most.half + least.half or f"{most.score:.2f}" == f"{least.score:.2f}":
        return ""
    return f"They differ most at about {percent(float(f'{NOISES[place]:.2g}'))} noise: InvRE {least.score:.2f} to {most.score:.2f}."


def _opens(now: Scenario, rows: list[Scored], axis: str, name: str) -> Callable[[], None]:
    """What a click on a row does; an upload stays open unless another picture was chosen."""

    def opened() -> None:
        chosen = st.session_state[name].selection.rows
        if chosen and chosen[0] < len(rows):
            upload = "" if axis == "pictures" else now.upload
            state.go(now, rows[chosen[0]].item.scenario.replace(method=now.method, upload=upload))
            st.session_state["touched"] = st.session_state["opened a row"] = True
            sight.bring("portrait")

    return opened


def _columns() -> dict[str, Any]:
    share = "Share of the squared error of a guess without the message that the message takes away, on average; not a share of pixels."
    return {
        "": st.column_config.ImageColumn("", width=THUMBNAIL),
        "InvRE": st.column_config.ProgressColumn("InvRE", min_value=0.0, max_value=1.0, format="%.3f", color="violet", help=share),
        "±": st.column_config.TextColumn("±", help="Half the width of the 95 % interval; empty where the spectrum is exact.", width=56),
        "expected best": st.column_config.TextColumn(
            "expected best",
            help="PSNR that an ideal attacker reaches on average over what the prior draws; an interval (95 %) where it is wider than 1 dB. Whether it is a bound is said below.",
            width=150,
        ),
    }


def _below(now: Scenario, rows: list[Scored], left_out: list[str]) -> None:
    """How it was made, what is missing, and what a person can do about it."""
    failed = _failed(rows)
    busy = sum(row.view is None for row in rows) - len(failed)
    words = "Scored by sketches and exact spectra: no attack is run. Click a row to open it below." + (
        f" {busy} more to come." if busy else ""
    )
    st.caption(f"{words} {parting(rows)}".rstrip())
    if said := bounds.of_all([row.view.against(row.item.scenario) for row in rows if row.view is not None]):
        st.caption(things.say(now, said))
    if now.upload:
        st.caption(":material/info: Your own picture is not among them: comparisons use the data set's pictures.")
    for reason in left_out:
        st.caption(f":material/block: Left out: {plain(reason)}")
    if failed:
        st.caption(f":material/error: {plain(failed[0].item.label)}: {plain(failed[0].job.error if failed[0].job else '')}")
        press.button("Try failed ones again", "retry all", lambda: compared.retry(failed), icon=":material/refresh:")


def _failed(rows: list[Scored]) -> list[Scored]:
    return [row for row in rows if row.job is not None and row.job.state == "failed"]


def _line(row: Scored) -> dict[str, Any]:
    """One row of the table."""
    what = row.item.label + (f" ({row.item.note})" if row.item.note else "")
    start = {"": _thumbnail(row.item), WHAT: what}
    if row.view is None and row.rough is not None:
        rough = row.rough.figures(row.rough.sigma(row.item.scenario))
        return {**start, "InvRE": (rough.low + rough.high) / 2, "±": f"{rough.half:.3f}", "expected best": f"{look.MARK} ({_waits(row)})"}
    if row.view is None:
        return {**start, "InvRE": None, "±": "", "expected best": _waits(row)}
    exact = row.view.decomposition.quadrature is None
    return {
        **start,
        "InvRE": row.figures.score,
        "±": "" if exact else f"{row.figures.half:.3f}",
        "expected best": expected_best(row.figures),
    }


def expected_best(figures: Figures) -> str:
    """The PSNR that is expected of an ideal attacker with how much the message tells: one number where it is sure within 1 dB, else an interval, without words where its ends have two."""
    if figures.best - figures.worst <= SURE:
        return f"{figures.ceiling:.1f} dB{figures.tells and ', '}{figures.tells}"
    return _span(figures.worst, figures.best) + (f", {figures.tells}" if figures.tells else "")


def _span(worst: float, best: float) -> str:
    if best >= MAX_PSNR:  # no error at all cannot be excluded
        return f"at least {worst:.0f} dB"
    return f"{worst:.0f} to {best:.0f} dB" if best - worst > SURE else f"{worst:.1f} to {best:.1f} dB"


def _waits(row: Scored) -> str:
    if row.job is None:
        return ""
    if row.job.state == "failed":
        return "failed"
    return f"in line: {row.job.position}" if row.job.state == "queued" else "being scored ..."


def _thumbnail(item: Item) -> str | None:
    return None if item.pictures is None else _uri(item.pictures.tobytes(), item.pictures.shape)


@functools.lru_cache(maxsize=512)
def _uri(raw: bytes, shape: tuple[int, ...]) -> str:
    pictures = np.frombuffer(raw, np.float32).reshape(shape)
    return "data:image/png;base64," + base64.b64encode(to_png(pictures, TRUTH, THUMBNAIL)).decode()
