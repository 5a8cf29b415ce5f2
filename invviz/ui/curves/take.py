"""Downloads of the Curves page, and where its figures come from."""

from __future__ import annotations

import dataclasses
import io

import streamlit as st

from ...core.remaining import in_words
from ...scenario import Scenario
from .. import state, things, trouble
from .source import Shown


def draw(shown: Shown) -> None:
    """Table, report and the command."""
    st.markdown("## Take it with you")
    shown = dataclasses.replace(shown, rows=_public(shown.rows))
    rows, name = shown.rows, f"invviz-{shown.name}"
    with st.container(horizontal=True, gap="small"):
        st.download_button("CSV", lambda: rows.to_csv(index=False), f"{name}.csv", "text/csv", key=state.key("csv"), on_click="ignore")
        st.download_button(
            "Parquet",
            lambda: _parquet(rows),
            f"{name}.parquet",
            "application/vnd.apache.parquet",
            key=state.key("parquet"),
            on_click="ignore",
        )
        st.download_button("HTML report", lambda: _report(shown), f"{name}.html", "text/html", key=state.key("html"), on_click="ignore")
    st.caption(f"{len(rows):,} rows, one a cell. The chart as SVG: the camera in its upper right corner, seen when the pointer is over it.")


def _public(rows):
    return rows.assign(**{one: rows[one].map(trouble.public) for one in ("reason",) if one in rows})


def _parquet(rows) -> bytes:
    out = io.BytesIO()
    rows.to_parquet(out, index=False)
    return out.getvalue()


def _report(shown: Shown) -> str:
    from ...report import sweep_html

    return sweep_html(shown.rows, shown.title, shown.lines, shown.command)


def footer(shown: Shown) -> None:
    """Command, date, machine, seeds, and the sweeps as text."""
    facts, seeds = shown.facts, sorted(int(s) for s in shown.rows["seed"].unique())
    said = ["Made on this machine by the command above"]
    if not facts:
        st.code(shown.command, language="bash", wrap_lines=True)
    if facts:
        took = f" in {in_words(float(facts['seconds']))} of computing" if facts.get("seconds") else ""
        said = [
            f"Made by `{shown.command}`{took}, {facts.get('date', 'no date')}, {trouble.plain(str(facts.get('machine', 'unknown machine')))}"
        ]
    count = shown.rows["picture"].nunique()
    like = Scenario.parse(str(shown.rows["scenario"].iloc[0]))
    victims = things.say(like, f"{count} picture{'s' * (count != 1)}")
    said.append(f"seeds {', '.join(map(str, seeds))}; {victims}; attacks: {_attacks(shown)}.")
    st.caption("; ".join(said))
    if facts:
        st.code("\n".join(shown.lines), language=None, wrap_lines=True)


def _attacks(shown: Shown) -> str:
    return trouble.plain(", ".join(dict.fromkeys(map(str, shown.rows["attack"]))))
