"""Above the grid: the truth, the finding, what is compared, and the button that runs all attacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from ...scenario.families import defenses
from .. import asking, choice, drawn, glossary, trouble
from ..victim import Victim
from .row import Old, Row
from .words import finding

ORDERS = {"best": "Best protection first", "listed": "As listed"}


def draw(rows: Sequence[Row], victim: Victim) -> None:
    """Truth on the left, the rest beside it."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key="defend-bar"):
        with st.container(width=96):
            alt = f"The private picture ({', '.join(victim.names[:4])}), which the client never sends."
            st.html(
                f'<figure class="truth"><img src="{drawn.thumb(victim.truth)}" alt="{escape(alt)}"><figcaption>the truth</figcaption></figure>'
            )
        with st.container(width="stretch", gap="small"):
            said = finding(rows)
            st.markdown(f"## {trouble.plain(said)}", help=glossary.of(said))
            with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
                choice.of_view("rows", defenses.CHOICES, "What is compared", label_visibility="collapsed")
                choice.of_view("order", ORDERS, "Order of the rows", label_visibility="collapsed")
                _run(rows)


def ordered(rows: Sequence[Row], old: Mapping[tuple[Row, str], Old]) -> list[Row]:
    """No defense first; then as listed, or from the least that the best attacker got to the most; what is not known at the end.

    What is shown of another strength counts where nothing else is known, so that a row does not jump while its strength is moved.
    """
    if choice.pick("order", ORDERS) == "listed":
        return list(rows)
    shown = {
        row: max([psnr for psnr in (row.best, *(o.psnr for (r, _), o in old.items() if r is row)) if psnr is not None], default=None)
        for row in rows
    }
    return [rows[0], *sorted(rows[1:], key=lambda row: (bool(row.unfit), shown[row] is None, shown[row] or 0.0))]


def _run(rows: Sequence[Row]) -> None:
    attacks = [a for row in rows if not row.unfit for a in row.attacks.values()]
    asking.run_all(attacks, "Run all attacks", prominent=True)
    asking.stop_all(attacks)
