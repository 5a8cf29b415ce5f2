"""The Risk page, from top to bottom."""

from __future__ import annotations

import streamlit as st

from ...scenario.families import comparisons
from .. import choice, form, look, more, pulse, state, things, trouble
from ..components import noise
from ..samples import sentence_tables
from . import calibration, compared, curves, portrait, ranking

OPENING = comparisons.OPENING
VIEWS = {"compare": "pictures", "count": "12", "curve": "noise", "direction": "1", "study": "photos", "arm": "attack", "against": "ceiling"}


def draw() -> None:
    """Ranking and overlay, then one picture; redrawn alone when the slider moves."""
    with trouble.shown():
        _draw()


def below() -> None:
    """What does not depend on the scenario."""
    with trouble.shown():
        with more.figures(
            "calibration, is the expected best right?", "calibration", *((view, VIEWS[view]) for view in ("study", "arm", "against"))
        ):
            calibration.draw()
        state.write_address()


def _draw() -> None:
    if st.session_state.pop("opened a row", False):
        st.rerun()  # the controls above show another scenario, too
    form.slider("risk")
    brief = st.container(key="risk-brief")
    now = state.scenario()
    if now.data.modality.discrete:
        state.write_address()
        sentence_tables.risk(now)
        return
    ranking.choices(now)
    state.write_address()
    axis = choice.pick("compare", comparisons.axes(now), "pictures")
    count = int(choice.pick("count", {n: n for n in compared.COUNTS}))
    chosen = compared.comparison(now, axis, count)
    others = {item.scenario.key("sketch") for item in chosen.items}
    risk, job = look.risk_of(now, whole=True, beside=others)  # asked for first: it is what is open
    moves = portrait.moves(now, risk)
    if now.defense:
        with brief:
            noise.table("risk", moves)
            if moves is not None:
                noise.part("risk", "brief", what=things.say(now, "This picture"))
    rows = sorted(compared.scored(chosen.items, now), key=lambda row: -row.figures.score if row.view else 1.0)
    active = any(row.job is not None and row.job.active for row in rows) or (job is not None and job.active)
    pulse.keep(active)
    with st.container(horizontal=True, gap="medium", key="after-noise-compared"):
        with st.container(width=660, key="ranking"):
            ranking.table(now, rows, axis, chosen.left_out)
        with st.container(width="stretch", key="overlay"):
            curves.draw(now, rows, ranking.finding(rows, axis, chosen.left_out))
    with st.container(key="portrait"):
        portrait.draw(now, risk, job, moves is not None and moves.pictures)
    st.code(now.text(), language=None, wrap_lines=True)
