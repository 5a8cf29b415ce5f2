"""The list itself: a page of rows with thumbnails, of which some are ticked."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from ...charts._colours import REAL, TRUTH
from ...jobs.store import Row, Store, Wanted
from .. import drawn, press, sight, state
from . import words

ROWS = 25  # of a page
THUMB = 44  # of a picture, in screen pixels
TALL, LOW = 620, 302  # of the table, likewise: the lower one where something is shown below it
MOST = 60  # that can be ticked
KEY = re.compile(r"[0-9a-f]{20}")
VIEW, WRITTEN = "ticked", "results ticked"


def ticked() -> tuple[str, ...]:
    """Keys of the rows that are ticked, on this page of the list and on others."""
    found = [key for key in state.view(VIEW).split(",") if KEY.fullmatch(key)]
    return tuple(dict.fromkeys(found))[:MOST]


def chosen(store: Store) -> list[Row]:
    """The rows themselves, in the order in which they were ticked; what is gone, or was never here, is left out."""
    keys = ticked()
    rows = {row.key: row for row in store.listed(Wanted(keys=keys), limit=MOST)} if keys else {}
    return [rows[key] for key in keys if key in rows]


def draw(store: Store, rows: Sequence[Row], title: str, low: bool) -> None:
    """The rows; a tick goes into the address. A low table leaves room for what is shown below it."""
    marked, place = ticked(), {row.key: number for number, row in enumerate(rows)}
    if state.view(VIEW) != st.session_state.get(WRITTEN, ("", 0))[0]:  # not by this very table: it is drawn anew, with these ticks
        st.session_state[WRITTEN] = state.view(VIEW), st.session_state.get(WRITTEN, ("", 0))[1] + 1
    order = hashlib.sha256("".join(place).encode()).hexdigest()[:10]
    name = f"results {order} {st.session_state[WRITTEN][1] if WRITTEN in st.session_state else 0}"

    def ticks() -> None:
        now = [rows[number].key for number in st.session_state[name].selection.rows if number < len(rows)]
        _write(",".join([*(key for key in ticked() if key not in place), *now][:MOST]))

    st.dataframe(
        pd.DataFrame([_line(store, row) for row in rows]),
        hide_index=True,
        column_config=_columns(),
        row_height=THUMB,
        height=min(LOW if low else TALL, 38 + THUMB * len(rows)),
        on_select=ticks,
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [place[key] for key in marked if key in place]}},
        key=name,
        placeholder="",
        alt=title,
    )


def tick(keys: Sequence[str]) -> None:
    """Tick these and no others, from a callback other than the table's."""
    state.set_view(VIEW, ",".join(keys))


def _write(keys: str) -> None:
    st.session_state[WRITTEN] = keys, st.session_state.get(WRITTEN, ("", 0))[1]
    state.set_view(VIEW, keys)


def pages(count: int) -> int:
    """How many pages there are."""
    return max(1, -(-count // ROWS))


def place(count: int) -> int:
    """Of the page that the address names, from 1; the last one where it names one that is not there."""
    return min(max(1, state.whole("place") or 1), pages(count))


def turn(count: int) -> None:
    """To other pages of the list."""
    here, last = place(count), pages(count)
    if last == 1:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="results-pages"):
        for icon, label, to in (
            ("first_page", "First", 1),
            ("chevron_left", "Back", here - 1),
            ("chevron_right", "Next", here + 1),
            ("last_page", "Last", last),
        ):
            off = to == here or not 1 <= to <= last
            press.button(label, f"results {label}", lambda to=to: state.set_view("place", str(to)), icon=f":material/{icon}:", type="tertiary", disabled=off, shows=sight.TOP)  # fmt: skip
        st.caption(f"page {here:,} of {last:,}", width="content")


def _line(store: Store, row: Row) -> dict[str, str | float | None]:
    scenario = words.read(row)
    there = store.arrays(row.key) if row.bytes else {}
    truth, guess = (_thumb(there.get(name), colour) for name, colour in (("truth", TRUTH), ("guess", REAL)))
    parts = words.parts(row, scenario)
    return {
        "truth": truth,
        "got": guess,
        "kind": words.kind(row),
        "what came out": words.found(row),
        **parts,
        "took": row.seconds,
        "done": words.when(row),
    }


def _thumb(picture: np.ndarray | None, colour: str) -> str | None:
    if picture is None:
        return None
    return "data:image/png;base64," + base64.b64encode(drawn.png(np.asarray(picture), colour, 2 * THUMB)).decode()


def _columns() -> dict[str, Any]:
    picture = st.column_config.ImageColumn
    return {
        "truth": picture("truth", width=THUMB + 12, help="The private sample that the result is of, where there is one."),
        "got": picture("got", width=THUMB + 12, help="What a real attack got of it."),
        "what came out": st.column_config.TextColumn(
            "what came out",
            help="Of an attack the mean PSNR of the batch; of a spectrum InvRE at 1 % noise; of a training the accuracy at its end.",
            width=150,
        ),
        "kind": st.column_config.TextColumn("kind", width=150),
        "took": st.column_config.NumberColumn("took", format="%.1f s"),  # a number, so that a click on the heading sorts it as one
    }
