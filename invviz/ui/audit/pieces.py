"""What the answers of all audits have: a list, a table of figures, files to take away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from .. import trouble


def listed(lines: Iterable[str]) -> None:
    """Lines that came from outside, one below the other."""
    st.markdown("\n".join(f"- {trouble.plain(line)}" for line in lines))


def table(rows: Iterable[tuple[str, str]]) -> None:
    """Figures with what they are."""
    body = "".join(f'<tr><th scope="row">{escape(a)}</th><td>{escape(b)}</td></tr>' for a, b in rows)
    st.html(f'<div class="vertical audit"><table>{body}</table></div>')


def files(found: dict[str, Any], report: Callable[[], str], caption: str) -> None:
    """An audit as HTML, JSON and CSV, each made when it is asked for.

    Args:
        found: the audit as JSON.
        report: makes the HTML.
        caption: what is not in them.
    """
    with st.container(horizontal=True, gap="small"):
        records = lambda: pd.DataFrame(found["records"]).to_csv(index=False)  # noqa: E731
        text = lambda: json.dumps(found, indent=1, allow_nan=False)  # noqa: E731
        for label, make, name, kind in (
            ("HTML", report, "audit.html", "text/html"), ("JSON", text, "audit.json", "application/json"), ("CSV", records, "audit.csv", "text/csv"),
        ):  # fmt: skip
            st.download_button(label, make, name, kind, key=f"own {name}", on_click="ignore", icon=":material/download:")
    st.caption(caption)
