"""Above the grid: the truth, the finding, what is compared, and the button that runs all attacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from ... import defended
from ...plots.thumbs import thumb
from .. import known, session, state, trouble
from ..victim import Victim
from .row import Old, Row
from .words import finding

ORDERS = {"best": "Best protection first", "listed": "As listed"}
WORKS = "Attacks run in the background, a few at a time; pictures appear as they are found. You may leave the page."


def draw(rows: Sequence[Row], victim: Victim) -> None:
    """Truth on the left, the rest beside it."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key="defend-bar"):
        with st.container(width=96):
            alt = f"The private picture ({', '.join(victim.names[:4])}), which the client never sends."
            st.html(
                f'<figure class="truth"><img src="{thumb(victim.truth)}" alt="{escape(alt)}"><figcaption>the truth</figcaption></figure>'
            )
        with st.container(width="stretch", gap="small"):
            st.markdown(f"##### {trouble.plain(finding(rows))}")
            with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
                choose("rows", defended.CHOICES, "What is compared")
                choose("order", ORDERS, "Order of the rows")
                _run(rows)


def choose(view: str, options: dict[str, str], label: str) -> None:
    """One choice that the address keeps."""
    name = state.key(f"defend {view}")
    st.segmented_control(
        label,
        list(options),
        default=pick(view, options),
        format_func=options.__getitem__,
        required=True,
        key=name,
        label_visibility="collapsed",
        on_change=state.answer(name, pick(view, options), lambda value: state.set_view(view, value)),
    )


def pick(view: str, options: dict[str, str]) -> str:
    """What is chosen; the first where the address says something else."""
    return state.view(view) if state.view(view) in options else next(iter(options))


def ordered(rows: Sequence[Row], old: Mapping[tuple[Row, str], Old]) -> list[Row]:
    """No defense first; then as listed, or from the least that the best attacker got to the most; what is not known at the end.

    What is shown of another strength counts where nothing else is known, so that a row does not jump while its strength is moved.
    """
    if pick("order", ORDERS) == "listed":
        return list(rows)
    shown = {
        row: max([psnr for psnr in (row.best, *(o.psnr for (r, _), o in old.items() if r is row)) if psnr is not None], default=None)
        for row in rows
    }
    return [rows[0], *sorted(rows[1:], key=lambda row: (bool(row.unfit), shown[row] is None, shown[row] or 0.0))]


def left(rows: Sequence[Row]) -> list[known.Attack]:
    """The attacks that nobody is at, each once."""
    return known.left([a for row in rows if not row.unfit for a in row.attacks.values()])


def _run(rows: Sequence[Row]) -> None:
    missing = left(rows)
    going = {a.job.key for row in rows for a in row.attacks.values() if a.job is not None and a.job.active}
    took = [a.result["seconds"] for row in rows for a in row.attacks.values() if a.result]
    guess = f", about {max(1, sum(took) / len(took) * len(missing) / session.station().hands):.0f} s" if took and missing else ""
    words = f"Run all attacks ({len(missing)} left{guess})" if missing else "All attacks are in" if not going else "Attacks are running"
    pressed = st.button(
        words,
        key=state.key("run all"),
        type="primary" if missing else "secondary",
        icon=":material/play_arrow:" if missing or going else ":material/check:",
        disabled=not missing,
        help=WORKS if missing else "Change anything to run again.",
    )
    if pressed:
        known.stop(session.session().grid - {a.scenario.key("run") for row in rows for a in row.attacks.values()})  # of an earlier grid
        known.start(missing)
        st.rerun()
    if going and st.button(f"Stop ({len(going)} to go)", key=state.key("stop all"), icon=":material/stop:"):
        known.stop(going | session.session().grid)
        st.rerun()
