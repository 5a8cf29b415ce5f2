"""The page Server: what the client's detectors make of the net that it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from ...core.figures import number
from ...defenses.detectors import DETECTORS
from . import words
from .sent import Sent

HEAD = ("Detector", "Verdict", "Score", "Flagged above", "What it saw")


def draw(sent: Sent) -> None:
    """Which detectors object, and every one of those with its reason."""
    st.markdown("### Can the client notice?")
    st.markdown(words.verdict(sent.findings, sent.flagged))
    lines = "".join(
        f"<li><b>{escape(sent.findings[name]['title'])}</b> {escape(sent.findings[name]['reason'])}</li>" for name in sent.flagged
    )
    if lines:
        st.html(f'<ul class="server flags">{lines}</ul>')


def table(sent: Sent) -> None:
    """Every detector with score, threshold and reason."""
    dark = " dark" if st.context.theme.type == "dark" else ""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in HEAD)
    order = sorted(sent.findings.items(), key=lambda item: (not item[1]["flagged"], not item[1]["judged"]))
    body = "".join(_row(name, one) for name, one in order)
    caption = "All detectors, those that object first. What lacks something it needs says so, and flags nothing."
    st.html(
        f'<div class="server verdicts{dark}" tabindex="0"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def threshold(name: str) -> float | None:
    """Above which a detector flags; None of one that goes by a rule."""
    return getattr(DETECTORS[name](), "most", 1.0 if name == "weight_structure" else None)


def _row(name: str, one: Mapping[str, Any]) -> str:
    most = threshold(name) if name in DETECTORS else None
    said = "⚑ flagged" if one["flagged"] else "passed" if one["judged"] else "cannot judge"
    score = number(one["score"], 2) if one["judged"] else "–"
    cells = (said, score, "any" if most is None else number(most, 2), one["reason"])
    role = "flagged" if one["flagged"] else "passed" if one["judged"] else "wait"
    return (
        f'<tr class="{role}"><th scope="row">{escape(one["title"])}</th>{"".join(f"<td>{escape(str(cell))}</td>" for cell in cells)}</tr>'
    )
