"""Having a sweep computed: its line, what it will take, and how far it is."""

from __future__ import annotations

import functools

import streamlit as st

from ...core.errors import InvvizError
from ...core.remaining import in_words
from ...studies.sweep import Sweep, estimate, queue, watcher
from .. import press, sight, state, trouble
from ..session import station
from . import source
from .source import Shown

ASKED = "sweeps asked for"  # in the session: by this tab, as texts
WORKS = (
    "It is computed in the background by this machine's workers, behind what people wait for at other pages, and goes on when this tab is closed. "
    "What is known already is not computed again."
)


def draw(text: str) -> None:
    """The line, the command, what it takes, and the button."""
    if not text:
        st.caption("Choose at least one defense, or paste a line.")
        return
    try:
        sweep = source.read(text, source.CELLS)
        left, time, known = _estimate(sweep.key, source.station().num_workers, sweep)
    except InvvizError as err:
        st.error(trouble.plain(str(err)), icon=":material/error:")
        return
    st.caption("The sweep as one line, and as a command for another machine:")
    st.code(sweep.text(), language=None, wrap_lines=True)
    st.code(sweep.command(), language="bash", wrap_lines=True)
    about = f"{'about' if known else 'perhaps'} {in_words(time)} with {station().num_workers} worker{'s' * (station().num_workers != 1)}"
    unfit = sum(not cell.jobs for cell in sweep.cells)
    lost = f" {unfit} cells do not fit: {trouble.plain(next(iter(sweep.cells[_first(sweep)].reasons.values())))}" if unfit else ""
    words = (
        f"**{len(sweep.cells):,} cells, {left:,} jobs to compute**, {about}.{lost}" if left else "**Everything of it is known already.**"
    )
    st.markdown(words)
    words = f"Launch ({left:,} jobs)" if left else "Show it"
    press.button(words, "launch", lambda: _start(sweep), shows=sight.TOP, type="primary", icon=":material/play_arrow:", help=WORKS)
    st.caption(WORKS)


def _first(sweep: Sweep) -> int:
    return next(place for place, cell in enumerate(sweep.cells) if not cell.jobs)


@st.cache_data(ttl=10.0, max_entries=50, show_spinner=False)
def _estimate(key: str, num_workers: int, _sweep: Sweep) -> tuple[int, float, bool]:
    return estimate(_sweep, station().store, num_workers)


def _start(sweep: Sweep, retry: bool = False) -> None:
    """A person wants it, and sees it from now on."""
    queue(sweep, station().store, retry)
    st.session_state.setdefault(ASKED, set()).add(sweep.text())
    source.look_again()
    _estimate.clear()
    for view, value in {"of": sweep.key, "point": "", "seen": "", "setting": "0"}.items():
        state.set_view(view, value)


def running(shown: Shown) -> None:
    """How far a sweep of this machine is, Stop, and another try of what failed."""
    if shown.look is None or shown.sweep is None:
        return
    told, failed, missing = shown.look.told, shown.look.failed, shown.look.missing
    if shown.active:
        left = f", about {in_words(told.left)} left" if told.left is not None else ""
        doing = (
            f" ({told.doing.replace('run ', 'attack step ').replace('train ', 'training round ').replace('risk ', 'spectrum ')})"
            if told.doing
            else ""
        )
        st.progress(told.done / max(told.total, 1), f"{told.done:,} of {told.total:,} jobs{left}{doing}")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if shown.active:
            help_ = "What is computed stays; Go on takes it up again."
            press.button("Stop", "stop sweep", functools.partial(_stop, shown.sweep), icon=":material/stop:", help=help_)
            st.caption("Goes on in the background, also when this tab is closed. The table below fills as results come in.")
        elif missing > failed:
            st.caption(f"{missing - failed:,} of {told.total:,} jobs are not computed.")
            press.button("Go on", "go on", functools.partial(_start, shown.sweep), icon=":material/play_arrow:")
        if failed:
            retry = functools.partial(_start, shown.sweep, retry=True)
            press.button(f"Try failed ones again ({failed})", "retry sweep", retry, icon=":material/refresh:")


def _stop(sweep: Sweep) -> None:
    station().store.unwatch(watcher(sweep))
    source.look_again()
