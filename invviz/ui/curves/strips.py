"""Strips of the Curves page: what the strongest attack got, defense by defense, from weak to strong."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from ...charts.tradeoff import sign
from ...core import figures
from ...metrics import Baseline
from ...studies.tradeoff import Operating, Point
from .. import state, things
from ..widgets import holds
from . import beside, numbers, plane, source
from .numbers import Part
from .source import Shown
from .words import NONE, level, name, titles

NOTE = (
    "Under each: strength, accuracy (mean over seeds), then what was got of this one picture with one seed; ● the aware attack was the stronger one, ○ the unaware one. "
    "Blue frame: the operating point."
)


def draw(shown: Shown, part: Part, found: Sequence[Point], best: Operating | None) -> None:
    """One strip a defense."""
    head, choice = st.columns([3, 2], vertical_alignment="bottom")
    head.markdown("## What the strongest attack got, from weak to strong")
    with choice:
        _which(part)
    chosen = name(best.point) if best else ""
    st.html(_blocks((*part.mark, found[0].measure, *map(name, found)), beside.seen(part), chosen, shown, part, found))
    st.caption(things.say(part.like, NOTE))


@st.cache_data(max_entries=100, show_spinner=False)
def _blocks(mark: tuple[str, ...], number: int, best: str, _shown: Shown, _part: Part, _found: Sequence[Point]) -> str:
    """All strips; kept, as looking every cell up takes a while."""
    shown, part, called = _shown, _part, titles(p.defense for p in _found)
    unseen = numbers.unseen(part).get(number)
    points = plane.ordered(_found)
    lines = list(dict.fromkeys(p.defense for p in points if p.defense != NONE))
    bare = [p for p in points if p.defense == NONE]
    cells = {p: beside.cells_of(part.rows, p) for p in points}
    keys = [v for p in bare for v in cells[p]["key_unaware"]] if "key_unaware" in part.rows else []
    names = [things.say(part.like, f"The client's picture {number}."), beside.absent(part.like)]
    first = beside.shot(source.truth(shown, number, keys), names[0], "the truth", "", "own", names[1])
    first += "".join(_shot(shown, p, cells[p], number, best, unseen, names[1]) for p in bare)
    blocks = [_block("<b>No defense</b>", first)]
    for place, line in enumerate(lines):
        shots = "".join(_shot(shown, p, cells[p], number, best, unseen, names[1]) for p in points if p.defense == line)
        knob = next((p.strength_name for p in points if p.defense == line), "")
        blocks.append(_block(f'{sign(place)} <b>{escape(called[line])}</b> <span class="ends">{escape(knob)}</span>', shots))
    return f'<div class="curves strips">{"".join(blocks)}</div>'


def _block(head: str, shots: str) -> str:
    return f'<section><div class="head">{head}</div><div class="row">{shots}</div></section>'


def _which(part: Part) -> None:
    """The victim, where there are several."""
    numbers = [str(n) for n in beside.pictures(part)]
    if len(numbers) < 2:
        return
    chosen = str(beside.seen(part))
    st.segmented_control(
        things.say(part.like, "Picture"),
        numbers[:8],
        default=chosen if chosen in numbers[:8] else None,
        format_func=lambda n: things.say(part.like, f"picture {n}"),
        required=True,
        label_visibility="collapsed",
        **holds("curves seen", chosen, lambda value: state.set_view("seen", value)),
    )


def _shot(shown: Shown, point: Point, cells: Any, number: int, best: str, unseen: Baseline | None, absent: str) -> str:
    found = {who: cell for who in beside.WHO if (cell := beside.strongest(cells, number, who)) is not None}
    chosen = " best" if name(point) == best else ""
    short = figures.number(point.strength) if point.strength == point.strength else ""
    if not found:
        return beside.shot("", "", short, "not known yet", f"small{chosen}", absent)
    who = max(found, key=lambda w: beside.reach(found[w], w))
    said = f"{100 * point.accuracy.value:.1f} %<br>{beside.WHO[who][0]} {beside.told(found[who], who, unseen, '<br>')}"
    alt = f"{level(point.scenario) or 'No defense'}: accuracy {100 * point.accuracy.value:.1f} %, {who} attack {beside.told(found[who], who, unseen)}."
    title = short or "as it is"
    return beside.shot(source.picture(shown, found[who].get(f"key_{who}")), alt, title, said, f"small {who}{chosen}", absent)
