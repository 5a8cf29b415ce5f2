"""The plane of the Curves page: accuracy across, what an attacker gets upward; a click opens a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from ...charts.tradeoff import Look, Mark, config, plane
from ...engine import calibrate_noise
from ...scenario import Scenario
from ...studies.tradeoff import PRIVACY, Operating, Point
from .. import choice, state, things
from . import bar, labels, numbers
from .numbers import Part
from .source import Shown
from .words import NONE, accuracy, called, figure, level, name, titles

SHORT = 100  # letters of a command that stands under the chart; a longer one stands at the end of the page
HOW = (
    "Up: the attacker gets more. Lines run from weak to strong; large marks are means over seeds with 95 % intervals, small dots single seeds; intervals wider than half the plane are not drawn. "
    "Dark outlines and the pale stair: no other point is better in both. Thin ring: the best at this cost. Thick ring: the point shown beside; click another to see it there."
)


def draw(shown: Shown, part: Part, found: Sequence[Point], best: Operating | None, measure: str, budget: str, finding: str) -> None:
    """Chart, with the finding as its alternative text, and what makes it again."""
    names = titles(p.defense for p in found)
    span = choice.pick("span", bar.SPANS)
    full = 100 * found[0].accuracy.value
    dark = st.context.theme.type == "dark"
    base = (*part.mark, measure, budget, span, str(dark))
    look = Look(
        y_title=_axis(measure),
        limit=full - int(budget),
        allowed=f"at most {budget} point{'' if budget == '1' else 's'} lost →" if budget != "0" else "nothing lost →",
        best=name(best.point) if best else "",
        label=called(best.point, names) if best else "",
        open=_open(base, name(at(found, best))),
        near=span == "near",
        dark=dark,
        file=f"curves-{shown.name}-{measure}",
        things=things.say(part.like, "pictures"),
    )
    key = state.key(f"plane {' '.join(base)} {look.open}")
    st.plotly_chart(
        _figure(base, look.open, look, found, names, part),
        key=key,
        on_select=lambda: _clicked(key),
        selection_mode="points",
        config=config(look.file),
        alt=f"{finding} Accuracy across, {PRIVACY[measure].title} upward; {len(found)} points of {len(names) - 1} defenses, all listed below.",
    )
    hidden = sum(100 * p.accuracy.value < full - max(12, 3 * int(budget)) for p in found) if look.near else 0
    away = f" Close-up: {hidden} point{'s' * (hidden != 1)} further left {'are' if hidden != 1 else 'is'} not shown." if hidden else ""
    st.caption(HOW + away + (f" `{shown.command}`" if len(shown.command) < SHORT else ""))


@st.cache_resource(max_entries=60, show_spinner=False)
def _figure(base: tuple[str, ...], opened: str, _look: Look, _found: Sequence[Point], _names: Mapping[str, str], _part: Part) -> Any:
    """The chart, kept: it is only shown and never changed."""
    said = numbers.words(_part, _found)
    marks = [mark(p, _names, said[p]) for p in ordered(_found)]
    return plane(marks, list(dict.fromkeys(m.line for m in marks if m.line)), _look, labels.place, labels.aside)


def _axis(measure: str) -> str:
    kind = PRIVACY[measure]
    more = "share recovered" if measure == "invre" else kind.unit
    return f"{kind.title}{f' ({more})' if more else ''}, lower is more private"


def ordered(found: Sequence[Point]) -> list[Point]:
    """Points of a defense from weak to strong, which for some is from large to small numbers."""
    groups: dict[tuple[str, str], list[Point]] = {}
    for p in found:
        groups.setdefault((p.defense, p.strength_name), []).append(p)
    return [p for group in groups.values() for p in (group if _rising(group[0]) else group[::-1])]


def _rising(point: Point) -> bool:
    stack = Scenario.parse(point.scenario).defense
    return not stack or not stack[-1].strength or calibrate_noise.rising(stack[-1])


def mark(point: Point, names: Mapping[str, str], word: str = "") -> Mark:
    """A point as it is drawn."""
    times = lambda ends: (100 * ends[0], 100 * ends[1]) if ends else None  # noqa: E731
    words = [
        f"<b>{escape(called(point, names))}</b>",
        escape(level(point.scenario)),
        f"accuracy {accuracy(point.accuracy)}",
        f"{escape(PRIVACY[point.measure].title)}: {escape(figure(point.value, point.measure, word))}",
        f"{point.num_seeds} seed{'s' * (point.num_seeds != 1)}, "
        + things.say(Scenario.parse(point.scenario), f"{point.num_pictures} picture{'s' * (point.num_pictures != 1)}"),
        "" if point.whole else "not all of its cells are done",
    ]
    return Mark(
        key=name(point),
        line="" if point.defense == NONE else names[point.defense],
        x=100 * point.accuracy.value,
        y=point.value.value,
        x_ends=times(point.accuracy.interval),
        y_ends=point.value.interval,
        dots=tuple((100 * d.accuracy, d.value) for d in point.dots),
        front=point.on_front,
        hover="<br>".join(w for w in words if w),
    )


def _open(base: tuple[str, ...], shown: str) -> str:
    """Which mark the chart is drawn with a ring around: a click into it moves the ring without drawing it anew."""
    kept = st.session_state.get("plane open")
    if kept is None or kept[0] != base:
        st.session_state["plane open"] = kept = (base, shown)
    return kept[1]


def _clicked(key: str) -> None:
    """A click into the chart; one beside all points goes back to the operating point."""
    hit = st.session_state[key]["selection"]["points"]
    if not hit or not hit[0].get("hovertext"):  # no mark of its own was hit, so that no ring has moved: it is drawn anew
        st.session_state.pop("plane open", None)
    data = hit[0].get("customdata", "") if hit else ""
    state.set_view("point", str(data[0] if isinstance(data, list) and data else data or ""))


def open_point(found: str) -> None:
    """Another point, chosen beside the chart."""
    state.set_view("point", found)
    st.session_state.pop("plane open", None)


def at(found: Sequence[Point], best: Operating | None) -> Point:
    """The point that is open: the one in the address, else the operating point, else no defense."""
    named = {name(p): p for p in found}
    return named.get(state.view("point")) or (best.point if best else found[0])
