"""The Defend page: what the strongest of all attacks got behind every defense, from a study that is shipped."""

from __future__ import annotations

from html import escape

import streamlit as st

from ...core.remaining import in_words
from ...studies import redteam
from ...studies.redteam import LEVELS, VICTIMS, Finding, Redteam
from .. import choice

HEAD = ("Defense", *(level.capitalize() for level in LEVELS))


def draw() -> None:
    """Whose message, what comes out, the table."""
    st.markdown("## What the red team got")
    study = redteam.load()
    if study is None:
        st.caption(f"The study is not on this machine; make it with `{redteam.COMMAND}`. It takes hours.")
        return
    options = {name: VICTIMS[name].title for name in study.found}
    whose = choice.of_view("red", options, "Whose message", label_visibility="collapsed")
    st.markdown(f"**{redteam.headline(study, whose)}.**")
    st.caption(_intro(study, whose))
    st.html(_table(study, whose))
    st.caption(_small_print(study, whose))


def _intro(study: Redteam, whose: str) -> str:
    return f"Every defense at three strengths, {redteam.how_many(study, whose)}. {redteam.who(study, whose)} {redteam.LIMIT} It does not follow the controls above."


def _table(study: Redteam, whose: str) -> str:
    rows = study.found[whose]
    head = "".join(f'<th scope="col">{escape(label)}</th>' for label in HEAD)
    bare = _cell(rows["none"][0], colspan=len(LEVELS))
    body = [f'<tr><th scope="row"><b>No defense</b></th>{bare}</tr>']
    for name, row in rows.items():
        if name != "none":
            cells = "".join(_cell(one) for one in row)
            body.append(f'<tr><th scope="row"><b>{escape(redteam.named(row[0].defense))}</b></th>{cells}</tr>')
    dark = " dark" if st.context.theme.type == "dark" else ""
    caption = "Word of the picture that was read best and on how many it holds; its PSNR, the median and the least; and which attack was strongest on how many."
    if study.pictures(whose) == 1:
        caption = "Word and PSNR of the picture, and the attack that read it best."
    return f'<div class="defend{dark}" tabindex="0"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _cell(one: Finding, colspan: int = 1) -> str:
    knob = f"{redteam.strength(one.defense)}: " if one.defense else ""
    word, _, levels = redteam.got(one).partition(", ")
    return (
        f'<td colspan="{colspan}" title="{escape(one.scenario)}">{escape(knob)}<b>{escape(word)}</b>, {escape(levels)}'
        f'<span class="level">{escape(redteam.by(one))}</span></td>'
    )


def _small_print(study: Redteam, whose: str) -> str:
    facts = study.facts
    return (
        f"Made by `{redteam.COMMAND}` in {in_words(facts['seconds'])} on {facts['machine']} ({facts['date']}) from `{VICTIMS[whose].base}`; every cell can be "
        "attacked again from its own line (pause on it). Behind noise in the tangent space every attack that may solve for it does so first, so many names stand for one search. Attacks with a prior know the public pictures of the same data set, which are much like the private ones; a prior from elsewhere gets less. All are told the label, so words are set against "
        f"what the label alone gives, {_alone(study, whose)}: the mean public picture of its class, with which some attacks answer where a message says nothing. {redteam.ranked(study, whose)}"
    )


def _alone(study: Redteam, whose: str) -> str:
    bars = study.found[whose]["none"][0].bars
    low, high = (f"{value:.1f}" for value in (min(bars), max(bars)))
    return f"{low} dB" if low == high else f"{low} to {high} dB"
