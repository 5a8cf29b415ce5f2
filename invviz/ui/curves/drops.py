"""At equal accuracy: what each defense hides where all of them cost the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from ...charts.tradeoff import sign
from ...core.errors import InvvizError
from ...core.figures import number
from ...studies.tradeoff import DROPS, PRIVACY, AtDrop, Point, Volume, solvable, solved
from .. import trouble
from . import numbers, plane
from .numbers import Part
from .words import NONE, spread, titles

WHY = (
    "A fair comparison fixes what a defense costs: each gets the largest strength that loses at most so much accuracy, and is then judged by the strongest of a set of "
    "attacks (the measure of Liu et al., arXiv 2402.09478: privacy at similar loss of utility). Hypervolume: the share of the plane, from chance to the "
    "undefended accuracy and from nothing given away to the undefended leak, that a defense reaches at any strength; it needs no budget, and 1 would be full accuracy with nothing given away."
)
DOUBT = "⚠"
MISSED = {0: "", 1: "never costs that much: strongest tried", -1: "weaker than all tried"}


def draw(part: Part, found: Sequence[Point], measure: str) -> None:
    """The table."""
    kind = PRIVACY[measure]
    st.markdown("## At equal accuracy")
    st.caption(WHY)
    try:
        at, areas = numbers.drops(part, measure), numbers.areas(part, measure)
    except InvvizError as err:
        st.caption(trouble.plain(str(err)))
        return
    names = titles(p.defense for p in found)
    lines = list(dict.fromkeys(p.defense for p in plane.ordered(found) if p.defense != NONE))
    heads = ["Defense", *(f"{'−' * (d > 0)}{100 * d:g} point{'' if d == 0.01 else 's'}" for d in DROPS), "Hypervolume"]
    head = "".join(f'<th scope="col">{h}</th>' for h in heads)
    unit = f" in {kind.unit}" if kind.unit else ""
    bare = f"{found[0].value.value:{kind.format}}"
    note = f"{kind.title}{unit}, lower is more private (no defense: {bare}), with 95 % intervals. Bold: best of its column; ≈: cannot be told apart from the best. Weaker than all tried: even the weakest setting costs more, so the figure lies between it and no defense."
    doubted = [] if solved(part.rows, measure) else [line for line in lines if solvable(line)]
    note += (
        f" {DOUBT}: who knows it may solve for its noise (see the warning above), so it is not counted among the best." if doubted else ""
    )
    body = "".join(_row(place, line, names, line in doubted, at, areas, kind.format) for place, line in enumerate(lines))
    st.html(
        f'<div class="curves drops" tabindex="0"><table><caption>{escape(note)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )
    if isinstance(areas, str):
        st.caption(f"No hypervolume: {trouble.plain(areas)}")


def _row(
    place: int, line: str, names: Mapping[str, str], doubted: bool, at: Sequence[AtDrop], areas: Mapping[str, Volume] | str, form: str
) -> str:
    cells = "".join(f"<td>{_cell(one, form, doubted)}</td>" for drop in DROPS for one in at if one.defense == line and one.drop == drop)
    area = areas.get(line) if not isinstance(areas, str) else None
    volume = spread(area.volume, ".2f") if area is not None and area.volume.value == area.volume.value else "–"
    return (
        f'<tr><th scope="row">{sign(place)} <b>{escape(names[line])}</b>{f" {DOUBT}" * doubted}</th>{cells}<td>{_aside(volume)}</td></tr>'
    )


def _cell(one: AtDrop, form: str, doubted: bool) -> str:
    if one.value.value != one.value.value:
        return "–"
    figure = _aside(spread(one.value, form))
    leads = not doubted and one.over_best.value == 0
    tied = not doubted and not leads and one.over_best.interval is not None and one.over_best.interval[0] <= 0
    figure = f"<b>{figure}</b>" if leads else f"≈ {figure}" if tied else figure
    strength = f"{one.strength_name} {number(one.strength.value)}" if one.strength.value == one.strength.value else ""
    return f'{figure}<span class="level">{escape(strength)}{" · " * bool(strength and one.missed)}{MISSED[one.missed]}</span>'


def _aside(words: str) -> str:
    """The interval in small letters."""
    value, bracket, rest = words.partition(" [")
    return f'{value} <span class="ends">[{rest}</span>' if bracket else value
