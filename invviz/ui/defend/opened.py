"""The Defend page, below the grid: the open row before and after its defense."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import streamlit as st

from ...charts.before_after import before_after
from ...defenses import Stack
from ...engine.bounds import Reason, in_brackets
from ...engine.summary import doubts
from ...metrics import TELLS, decibels
from ...risk.prior import TAU
from ...scenario import Scenario
from .. import beyond, choice, form, glossary, state, trouble
from ..components import beside
from ..views import Figures
from ..waits import waits
from .row import Row
from .words import change, title

SHRINKS = (
    ":material/info: The noise floor is a share of the message that is sent. This defense makes the message smaller, and with it that floor: "
    "the expected best can even rise where little else is lost."
)


def draw(now: Scenario, shown: Sequence[Row]) -> None:
    """Choice of the row, its strength, the numbers and the spectrum."""
    row = next((r for r in shown if r.stack == now.defense), shown[0])
    st.markdown(f"## Before and after: {title(row, shown)}")
    left, right = st.columns([1, 2], gap="medium", vertical_alignment="bottom")
    with left:
        _choose(now, shown)
    with right:
        form.slider("defend")
        if row.stack:
            beside.draw("defend", row, "With this defense", ".defend tr.open td.ideal", f"{row.name}, ideal attacker")
    if row.unfit:
        st.info(f"Does not fit: {trouble.plain(row.unfit)}", icon=":material/block:")
        return
    with st.container(key="after-noise-opened"):
        words, chart = st.columns([1, 1], gap="medium")
        with words:
            _words(now, shown[0], row)
        with chart:
            _chart(shown[0], row)


def _choose(now: Scenario, shown: Sequence[Row]) -> None:
    names = {r.stack: f"{r.name} ({r.level})" if r.stack else r.name for r in shown}
    here = now.defense if now.defense in names else shown[0].stack
    taken = functools.partial(open_stack, now)
    hint = "What is open here is the defense of all pages."
    choice.from_list("Open a row", "open row", list(names), here, taken, names.__getitem__, help=hint)


def open_stack(now: Scenario, stack: Stack) -> None:
    """Show another row, from a widget's callback."""
    state.go(now, now.replace(defense=stack))
    st.session_state["touched"] = st.session_state["opened a row"] = True


def _words(now: Scenario, bare: Row, row: Row) -> None:
    before, after = bare.figures, row.figures
    if before is None or after is None:
        busy = f"The spectrum is being computed: {waits(row.job) or waits(bare.job) or 'not yet asked for'}."
        st.info(trouble.plain(row.unscored or bare.unscored or busy), icon=":material/query_stats:")
        return
    if not row.stack:
        st.markdown(f"**InvRE {before.score:.2f}**: without a defense an ideal attacker recovers {_percent(before)} of what was unknown.")
        st.markdown(
            f"Expected best **{before.ceiling:.1f} dB**{_in_brackets(before.tells)}: an average over {now.data.modality.many} and noise; {in_brackets(bare.against)}. Open a row to see what its defense changes."
        )
        return
    st.markdown(f"### InvRE {before.score:.2f} → {after.score:.2f}", help=glossary.tip("invre"))
    verdict = _verdict(before, after, row.against)
    st.markdown(f"An ideal attacker recovered {_percent(before)} of what was unknown, and now recovers {_percent(after)}. {verdict}")
    st.markdown(
        f"Expected best **{before.ceiling:.1f} → {after.ceiling:.1f} dB**{_in_brackets(change(before.tells, after.tells))}, an average over {now.data.modality.many} and noise; "
        f"with the defense {in_brackets(row.against)}."
    )
    gaps = [f"{who} {decibels(psnr)}" for who, psnr in row.got.items() if psnr is not None]
    st.markdown(f"On this {now.data.modality.one}: {', '.join(gaps)}. {beyond.why(row)}")
    promise = row.stack.promise or "none"
    st.markdown(f"**Formal guarantee:** {promise if promise != 'none' else 'none. What protects here is measured, not proven.'}")
    assert row.view is not None
    if bare.view is not None and row.view.size.rms < 0.99 * bare.view.size.rms:
        st.caption(SHRINKS)
    for doubt in doubts(row.scenario, row.view.decomposition, row.sigma, row.view.solved):
        st.caption(f":material/info: {doubt}")


def _verdict(before: Figures, after: Figures, against: list[Reason]) -> str:
    if before.score - after.score <= max(before.half + after.half, 0.01):
        return "**The defense changes next to nothing of that.**"
    if after.tells != TELLS[0]:
        return ""
    others = "**, who is no bound for others" if against else "** and from every other, in squared error"
    return f"**On average it hides what is private from that attacker{others}."


def _in_brackets(tells: str) -> str:
    return f" (the message {tells})" if tells else ""


def _percent(figures: Figures) -> str:
    return f"{100 * figures.score:.0f} %"


def _chart(bare: Row, row: Row) -> None:
    if bare.view is None or row.view is None or bare.view.size.rms <= 0:
        return
    unit = bare.view.size.rms
    before, after = _values(bare, unit), _values(row, unit)
    floors = (bare.sigma / TAU / unit, row.sigma / TAU / unit)
    counts = [f"{int((v > f).sum()):,}" for v, f in ((before, floors[0]), (after, floors[1]))]
    least = "at least " if "sketch" in (bare.view.decomposition.method, row.view.decomposition.method) else ""
    said = f"Above the noise floor: {least}{counts[0]} directions without, {least}{counts[1]} with the defense"
    st.markdown(f"### {said}")
    dark = st.context.theme.type == "dark"
    st.vega_lite_chart(before_after(before, after, floors, dark), key="before after", alt=said)
    st.caption(
        "Grey: without a defense. Dashed purple: with it. Singular values of J, weighted by the prior, over the typical entry of the undefended message. "
        "A defense helps by pressing the line down or by lifting the floor."
    )


def _values(row: Row, unit: float) -> np.ndarray:
    assert row.view is not None
    gains = row.view.decomposition.gains
    return np.sqrt(gains[gains > 0]) / TAU / unit
