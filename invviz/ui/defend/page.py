"""The Defend page, from top to bottom."""

from __future__ import annotations

import streamlit as st

from ... import defended
from ...scenario import Scenario, problems
from .. import pulse, session, state, trouble
from ..victim import victim_of
from . import ab, bar, equal, grid, least, opened, row, rows

VIEWS = {"rows": "usual", "order": "best", "a": "undefended", "b": "aware", "aim": "ceiling", "target": "", "equal": "drop 3"}


def draw() -> None:
    """Grid, then the open row; redrawn alone when a control of it moves."""
    with trouble.shown():
        _draw()


def _draw() -> None:
    if st.session_state.pop("opened a row", False):
        st.rerun()  # the controls above show another scenario, too
    now = state.scenario()
    state.write_address()
    victim = victim_of(now.replace(upload=""))
    listed = [defended.compared(now, stack) for stack in defended.stacks(now, bar.pick("rows", defended.CHOICES))]
    sides = ab.sides(now)
    if isinstance(victim, str) or problems(listed[0]):
        pulse.keep(False)
        st.warning(victim if isinstance(victim, str) else " ".join(problems(listed[0])), icon=":material/block:")
        return
    seen, solved = [*listed, *sides.values()], least.candidates(now)
    wanted = list(dict.fromkeys([*seen, *solved]))
    found = dict(zip(wanted, rows.found(wanted, victim.truth, set(solved) - set(seen)), strict=True))
    shown = [found[s] for s in listed]
    pulse.keep(any(job.active for one in found.values() for job in one.jobs))
    bar.draw(shown, victim)
    old = row.remembered(shown)
    grid.draw(shown, bar.ordered(shown, old), now, old)
    _below(now, shown)
    opened.draw(now, shown)
    ab.draw(now, {name: found[s] for name, s in sides.items()})
    least.draw(now, shown[0], [found[s] for s in solved])
    equal.draw()
    st.code(now.text(), language=None, wrap_lines=True)


def _below(now: Scenario, shown: list[row.Row]) -> None:
    """What is missing, and what a person can do about it."""
    if now.upload:
        st.caption(":material/info: Your own picture is not compared here: this page uses the data set's pictures.")
    for reason in dict.fromkeys(one.unscored for one in shown if one.unscored and not one.unfit):
        st.caption(f":material/block: No ideal attacker and no InvRE: {trouble.plain(reason)}")
    failed = {job.key: (one, job) for one in shown for job in one.jobs if job.state == "failed"}
    for one, job in list(failed.values())[:3]:
        what = "spectrum" if job.kind == "risk" else "attack"
        st.caption(f":material/error: {trouble.plain(one.name)}, {what}: {trouble.plain(job.error)}")
    if failed and st.button("Try failed ones again", key=state.key("retry all"), icon=":material/refresh:"):
        for job in (job for _, job in failed.values()):
            session.station().store.submit(job.kind, Scenario.parse(job.scenario), session.session().name)
        st.rerun()
