"""The page Results, from top to bottom."""

from __future__ import annotations

import streamlit as st

from .. import pulse, state, trouble
from ..screen import screen
from ..session import station
from . import chosen, compare, filters, sweeps, table, words

VIEWS = {**filters.VIEWS, table.VIEW: ""}
AT_ONCE = 0.4  # seconds for which results of an older invviz are filed at one drawing


def draw() -> None:
    """Redrawn alone when a control of it moves, and while results are filed."""
    with trouble.shown():
        _draw()


def _draw() -> None:
    state.write_address()
    store = station().store
    left = store.file_results(AT_ONCE)
    pulse.keep(left > 0)
    asked = filters.read(store)
    filters.draw(store, asked)
    if left:
        st.caption(f":material/hourglass_top: {left:,} results that an older invviz computed are still being looked through; newest first.")
    if asked.wrong:
        filters.reset("results reset wrong")
        return
    if state.view("kind") == filters.SWEEP:
        sweeps.draw(store)
        return
    kinds = store.kinds()
    everything = sum(count for name, count in kinds.items() if words.counted({name: count}))
    count = store.count(asked.wanted)
    title = f"{count:,} of {everything:,} results" if asked.narrow else f"{count:,} results: {words.counted(kinds)}"
    st.markdown(f"## {title if count else _nothing(everything)}")
    if count:
        ticked = table.chosen(store)
        chosen.draw(store, ticked, asked.wanted, count)
        by, falling = asked.order
        rows = store.listed(asked.wanted, by, falling, table.ROWS, (table.place(count) - 1) * table.ROWS)
        screen().keys = tuple(row.key for row in ticked or rows)
        table.draw(store, rows, title, low=0 < len(ticked) <= compare.MOST)
        table.turn(count)
        with trouble.shown():
            compare.draw(store, ticked)
    elif asked.narrow and everything:
        filters.reset("results reset none")
    st.caption(
        "Listed is what this machine has computed, for whoever asked; what was shipped with invviz is on its pages. Results of a picture of your own are in the memory of "
        "this tab alone, and in no list."
    )


def _nothing(everything: int) -> str:
    return (
        "No result is like that"
        if everything
        else "Nothing has been computed here yet: run an attack in the Lab, or a sweep on the page Curves"
    )
