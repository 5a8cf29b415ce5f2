"""One result in full, or two side by side: pictures, what came out, and in what they differ."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st

from ...charts._colours import IDEAL, REAL, TRUTH
from ...jobs.store import Row, Store
from ...report import Entry, collect
from ...scenario import Scenario
from ...scenario.kinds import WORK, found
from .. import drawn, trouble
from . import words

MOST = 2  # side by side
SIDE = 176  # of a picture, in screen pixels


def draw(store: Store, rows: Sequence[Row]) -> None:
    """The report's own words and numbers of each; of more than two nothing."""
    if not 0 < len(rows) <= MOST:
        return
    entries = [entry for row in rows for entry in collect(store, [row.key]).entries]
    told = [found(WORK[e.kind].section)(e) if e.facts else None for e in entries]
    for column, entry, said in zip(st.columns(len(entries), gap="medium"), entries, told, strict=True):
        with column:
            st.markdown(f"### {trouble.plain(said.finding if said else words.STATES.get(entry.job.state, entry.job.error))}")
            _pictures(entry)
            st.code(entry.scenario.text(), language=None, wrap_lines=True)
    facts = [dict(said.facts) if said else {} for said in told]
    names = list(dict.fromkeys(name for one in facts for name in one))
    table = [(name, [one.get(name, "") for one in facts]) for name in names]
    if len(entries) == 2:
        st.html(_table("In what they differ", differing(*(e.scenario for e in entries)), table))
    else:
        st.html(_table("", [], table))


def _pictures(entry: Entry) -> None:
    """The truth, the ideal attacker's guess and the real one's, as far as they are there."""
    ideal = entry.spectrum.picture if entry.spectrum is not None else None
    shown = [(entry.truth, TRUTH, "truth"), (ideal, IDEAL, "ideal attacker"), (entry.guess, REAL, "real attack")]
    there = [(np.asarray(picture), colour, title) for picture, colour, title in shown if picture is not None]
    if not there:
        return
    with st.container(horizontal=True, gap="small"):
        for picture, colour, title in there:
            st.image(
                drawn.png(picture, colour, SIDE), caption=title, width=SIDE, output_format="PNG", alt=f"{title}, of {entry.scenario.text()}"
            )


def differing(left: Scenario, right: Scenario) -> list[tuple[str, list[str]]]:
    """Parts and settings in which two scenarios differ, written in full."""
    sides: list[dict[str, str]] = []
    for scenario in (left, right):
        pairs: dict[str, str] = {}
        for name, value in scenario.pairs(full=True):
            pairs[name] = f"{pairs[name]} + {value}" if name in pairs else value
        sides.append(pairs)
    names = list(dict.fromkeys([*sides[0], *sides[1]]))
    return [(name, [side.get(name, "none") for side in sides]) for name in names if sides[0].get(name) != sides[1].get(name)]


def _table(title: str, first: Sequence[tuple[str, list[str]]], second: Sequence[tuple[str, list[str]]]) -> str:
    def lines(rows: Sequence[tuple[str, list[str]]], kind: str) -> str:
        return "".join(
            f'<tr class="{kind}"><th scope="row">{escape(trouble.public(name))}</th>{"".join(f"<td>{escape(trouble.public(value))}</td>" for value in values)}</tr>'
            for name, values in rows
        )

    none = f'<tr><td colspan="3">{escape(title)}: in nothing, but for what their kinds depend on</td></tr>' if title and not first else ""
    return f'<div class="results" tabindex="0" role="group" aria-label="Figures"><table><tbody>{none}{lines(first, "other")}{lines(second, "fact")}</tbody></table></div>'
