"""What is done with the rows that are ticked: open, compare, save, remove."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import streamlit as st

from ...core.errors import InvvizError
from ...jobs.limits import limits
from ...jobs.store import Row, Store, Wanted
from ...scenario.kinds import WORK
from .. import press, reporting, state, trouble
from ..pages import FOLDER, PAGES
from ..session import session, station
from . import table, words

SAID = "results said"
COLUMNS = ("key", "kind", "state", "finished", "seconds", "bytes", "score_is", "score", "data", "model", "defense", "attack", "scenario")


def draw(store: Store, rows: Sequence[Row], wanted: Wanted, count: int) -> None:
    """Buttons for the rows that are ticked."""
    if said := st.session_state.pop(SAID, ""):
        st.info(said, icon=":material/delete:")
    if (lost := len(table.ticked()) - len(rows)) > 0:
        st.warning(f"{lost} of the results that the address names are not here: they were removed, or are of another machine.")
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="results-chosen"):
        st.markdown(f"**{len(rows):,} ticked**" if rows else "Tick a row to see all of it, two to compare them.", width="content")
        if len(rows) == 1:
            _open(rows[0])
        _save(store, rows, wanted, count)
        if rows:
            _remove(store, rows)
            press.button("Untick", "results untick", lambda: table.tick(()), icon=":material/close:", type="tertiary")


def _open(row: Row) -> None:
    scenario, page = words.read(row), WORK[row.kind].page if row.kind in WORK else ""
    if scenario is None:
        st.caption("It is of another version of invviz, which knew other parts: no page can open it.", width="content")
    elif page in PAGES:
        label = f"Open in {PAGES[page].title}"
        press.button(
            label, "results open", lambda: state.open_scenario(scenario), str(FOLDER / f"{page}.py"), icon=":material/open_in_new:"
        )


def _save(store: Store, rows: Sequence[Row], wanted: Wanted, count: int) -> None:
    """A report of what is ticked; a table of that, or of all that is listed."""
    if rows:
        keys = [row.key for row in rows]
        st.download_button(
            "Report",
            reporting.of_keys(store, keys),
            "invviz-results.html",
            "text/html",
            key=state.key("results report"),
            on_click="ignore",
            icon=":material/description:",
            help="One HTML file of the ticked results: figures, pictures, papers, and the commands that compute them again.",
        )
    which = Wanted(keys=tuple(row.key for row in rows)) if rows else wanted
    st.download_button(
        "Parquet" if rows else f"Parquet, all {count:,}",
        parquet(store, which),
        "invviz-results.parquet",
        "application/vnd.apache.parquet",
        key=state.key("results parquet"),
        on_click="ignore",
        icon=":material/table:",
        help=f"A table of {'the ticked results' if rows else 'all results that are listed'}, a row each: {', '.join(COLUMNS)}.",
    )


def parquet(store: Store, wanted: Wanted) -> Callable[[], bytes]:
    """The list as a file, made when it is asked for."""

    def made() -> bytes:
        import pandas as pd

        rows = [{**vars(row), "score_is": WORK[row.kind].score.title if row.kind in WORK and WORK[row.kind].score else ""} | names(row) for row in store.listed(wanted, limit=-1)]  # type: ignore[union-attr]  # fmt: skip
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        frame["finished"] = pd.to_datetime(frame["finished"], unit="s", utc=True)
        out = io.BytesIO()
        frame.to_parquet(out, index=False)
        return out.getvalue()

    return made


def names(row: Row) -> dict[str, str]:
    """Names of its parts, as a scenario's text has them; several defenses joined by +."""
    found: dict[str, list[str]] = {"data": [], "model": [], "defense": [], "attack": []}
    for part in row.scenario.split("&"):
        name, _, value = part.partition("=")
        if name in found:
            found[name].append(value.split("(")[0])
    return {name: " + ".join(values) for name, values in found.items()}


def _remove(store: Store, rows: Sequence[Row]) -> None:
    """For good, once it was asked whether that is meant; on a server for others one's own alone."""
    owner = mine()
    foreign = store.others([row.key for row in rows], owner) if owner else set()
    own = [row.key for row in rows if row.key not in foreign]
    why = "Only what this tab has asked for, and nobody else looks at, can be deleted here."
    if not own:
        st.button("Delete", key=state.key("results no delete"), disabled=True, help=why, icon=":material/delete:")
        return
    with st.popover("Delete", icon=":material/delete:"):
        st.markdown(f"Delete {len(own):,} result{'s' * (len(own) != 1)} for good? Who asks for one again has it computed again.")
        if foreign:
            st.caption(f"{len(foreign):,} stay. {why}")
        press.button("Delete for good", "results delete", lambda: remove(own), type="primary")


def mine() -> str:
    """Whose results may be deleted here: this tab's; empty on a machine of one's own, where all are."""
    return "" if limits().name == "own" else session().name


def remove(keys: Sequence[str]) -> None:
    """Delete, from a callback, and say what stays and why; asked again here, as what the button was drawn for may be somebody else's by now."""
    try:
        kept = station().store.remove(keys, mine())
    except InvvizError as err:
        st.session_state["trouble"] = str(err)
        return
    table.tick([key for key in table.ticked() if key not in keys or key in kept])
    gone = len(keys) - len(kept)
    why = "; ".join(f"{key[:8]} stays: {words}" for key, words in kept.items())
    st.session_state[SAID] = trouble.plain(f"{gone:,} deleted." + (f" {why}." if why else ""))
