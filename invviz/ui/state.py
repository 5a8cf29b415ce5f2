"""The screen's state: one scenario per session, the same as in the address."""

from __future__ import annotations

import dataclasses
import difflib
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import streamlit as st

from ..core.component import Component, shown
from ..core.errors import InvvizError
from ..scenario import PARTS, SETTINGS, Scenario
from ..studies.gallery import OPENING
from . import lesson
from .screen import screen

CLOSE = 0.7  # likeness from which an unknown name of the address is taken for a known one that was misspelt
STALE = 3.0  # seconds for which a browser may still send an address that was replaced


class Seat(NamedTuple):
    """A component on the screen. It keeps its number while its knobs move and while it moves in a stack; another one in its place has another number."""

    part: str
    number: int


def scenario() -> Scenario:
    """What is on the screen."""
    return st.session_state["scenario"]


def settle() -> None:
    """What was said of the last address or change is over."""
    for words in ("trouble", "aside"):
        st.session_state.pop(words, None)


def open_scenario(new: Scenario) -> None:
    """Show another scenario."""
    settle()
    turn_into(new)


def turn_into(new: Scenario) -> None:
    """The same without forgetting what was said of the address: the page shows what it named in a form of its own."""
    _show(new)
    st.session_state["form"] = st.session_state.get("form", 0) + 1


def go(drawn: Scenario, wanted: Scenario) -> None:
    """Open what a control offers that was drawn for another scenario: what it differs in is exchanged, what has changed since then stays."""
    names = [field.name for field in dataclasses.fields(Scenario) if getattr(drawn, field.name) != getattr(wanted, field.name)]
    open_scenario(scenario().replace(**{name: getattr(wanted, name) for name in names}))


def change(**parts: Any) -> None:
    """Exchange parts of the scenario, from a widget's callback."""
    st.session_state["touched"] = True
    settle()
    _show(scenario().replace(**parts))


def seats(part: str) -> list[Seat]:
    """The components of a part, several where it is a stack."""
    if st.session_state.get("seated") is not scenario():  # so far nobody has asked
        _seat(None, scenario())
    return [Seat(part, number) for number in st.session_state["seats"][part]]


def place_of(seat: Seat) -> int | None:
    """Where a component stands by now; None where it is gone."""
    found = seats(seat.part)
    return found.index(seat) if seat in found else None


def rearrange(places: Sequence[int]) -> None:
    """Leave these defenses of the stack, in this order; each keeps its seat."""
    numbers, stack = [seat.number for seat in seats("defense")], scenario().defense
    change(defense=tuple(stack[place] for place in places))
    st.session_state["seats"] |= {"defense": [numbers[place] for place in places]}


def set_knobs(seat: Seat, **knobs: object) -> None:
    """Set knobs of one component, wherever it stands by now; nothing happens where it is gone."""
    place = place_of(seat)
    if place is None:
        return
    try:
        if seat.part == "defense":
            stack = scenario().defense
            change(defense=stack.put(place, stack[place].replace(**knobs)))
        else:
            component: Component = getattr(scenario(), seat.part)
            change(**{seat.part: component.replace(**knobs)})
    except InvvizError as err:
        st.session_state["trouble"] = str(err)


def _show(new: Scenario) -> None:
    old = st.session_state.get("scenario")
    new = lesson.kept(old, new)
    _seat(old if st.session_state.get("seated") is old else None, new)
    st.session_state["scenario"] = screen().scenario = new


def _seat(old: Scenario | None, new: Scenario) -> None:
    """Number the components of a scenario: those of one kind and place keep their number, others get one that never was before."""
    seats, last = st.session_state.get("seats", {}), st.session_state.get("last seat", 0)
    found: dict[str, list[int]] = {}
    for part in PARTS:
        before, after = _listed(old, part), _listed(new, part)
        same = [place < len(before) and before[place] is after[place] for place in range(len(after))]
        found[part] = [seats[part][place] if same[place] else last + 1 + place for place in range(len(after))]
        last += len(after)
    st.session_state.update({"seats": found, "last seat": last, "seated": new})


def _listed(now: Scenario | None, part: str) -> list[type]:
    value = getattr(now, part, ())
    return [type(component) for component in (value if isinstance(value, tuple) else (value,))]


def view(name: str) -> str:
    """What a page shows beside the scenario, by the name it has in the address."""
    return st.session_state[f"view {name}"]


def whole(name: str) -> int | None:
    """A view that is a whole number of at most nine digits; None where the address says something else."""
    return int(view(name)) if re.fullmatch("[0-9]{1,9}", view(name)) else None


def set_view(name: str, value: str) -> None:
    """Change what a page shows, from a widget's callback."""
    st.session_state["touched"] = True
    st.session_state[f"view {name}"] = value


def key(name: str) -> str:
    """A key that is new whenever another scenario is opened, for what holds no value: a chart, a button, a box for files."""
    return f"{name}#{st.session_state.get('form', 0)}"


def read_address(views: Mapping[str, str] | None = None, opening: str = OPENING) -> None:
    """Take over the address where it is not what this session wrote itself; a broken one gives a message and the opening scenario.

    A browser sends its address along with every click, and it may not have received the newest one yet. So what a control has just
    changed goes before the address, and an address that this session itself has left a moment ago is not a journey back. Who comes from another page
    brings an empty address along and keeps the scenario.

    Args:
        views: what this page keeps in the address beside the scenario, with the values that are left out of it.
        opening: the scenario that this page opens with. Where another page has opened with its own, and nobody has touched that, it takes its place.
    """
    _read(views, opening)
    if st.session_state.get("opened with") is scenario() and scenario() != Scenario.parse(opening):
        turn_into(_opened(opening))


def _read(views: Mapping[str, str] | None, opening: str) -> None:
    st.session_state["views"] = views = dict(views or {})
    for name, default in views.items():
        st.session_state.setdefault(f"view {name}", default)
    pairs, misread = _address(), lesson.misread()
    touched = st.session_state.pop("touched", False)
    if "scenario" in st.session_state and not misread and (touched or pairs == st.session_state.get("address") or _just_left(pairs)):
        return
    st.session_state["address"] = pairs
    settle()
    given = dict(pairs)
    if pairs:
        st.session_state.update({f"view {name}": given.get(name, default) for name, default in views.items()})
    parts = [(name, value) for name, value in pairs if name in PARTS or name in SETTINGS]
    strange = list(dict.fromkeys(name for name, _ in pairs if name not in views and name not in PARTS and name not in SETTINGS))
    if not parts and "scenario" in st.session_state:
        _say_strange(strange, views, misread)
        return
    try:
        open_scenario(Scenario.from_pairs(parts) if parts else _opened(opening))
        _say_strange(strange, views, misread)
    except InvvizError as err:
        open_scenario(_opened(opening))
        st.session_state["trouble"] = f"The address could not be read: {err} Showing the opening scenario instead."


def _opened(text: str) -> Scenario:
    """A page's opening scenario, remembered as one that nobody has chosen."""
    st.session_state["opened with"] = found = Scenario.parse(text)
    return found


def _say_strange(names: list[str], views: Mapping[str, str], misread: str) -> None:
    """Say which names of the address are no part of a scenario: one that looks like a slip of the pen loudly, others in a few words; and what of a lesson could not be read."""
    known = [*PARTS, *SETTINGS, *views, *lesson.NAMES]
    meant = {name: near[0] for name in names if (near := difflib.get_close_matches(name.lower(), known, n=1, cutoff=CLOSE))}
    if meant:
        slips = ", ".join(f"{shown(name)} (did you mean {near}?)" for name, near in meant.items())
        st.session_state["trouble"] = f"The address names {slips}, which is no part of a scenario and was left out; the rest is shown."
    if misread:
        st.session_state["trouble"] = f"{st.session_state.get('trouble', '')} The link for a class: {misread}".strip()
    if others := ", ".join(shown(name) for name in names if name not in meant):
        st.session_state["aside"] = f"Left out of the address, as no part of a scenario: {others}."


def write_address(views_alone: bool = False) -> None:
    """Put the scenario into the address, so that whoever opens a copied link sees the same screen.

    Args:
        views_alone: the page shows no scenario, only what it keeps beside one.
    """
    opened = [(name, view(name)) for name, default in st.session_state.get("views", {}).items() if view(name) != default]
    pairs = ([] if views_alone else scenario().pairs()) + opened + lesson.lesson().pairs()
    by_name = lambda pair: pair[0]  # noqa: E731  (the order of several defenses counts)
    if sorted(pairs, key=by_name) == sorted(whole_address(), key=by_name):
        st.session_state["address"] = _address()
        st.session_state["touched"] = False
        return
    query: dict[str, list[str]] = {}
    for name, value in pairs:
        query.setdefault(name, []).append(value)
    st.session_state.setdefault("left", []).append((time.monotonic(), st.session_state.get("address")))
    st.query_params.from_dict(query)
    st.session_state["address"] = _address()
    st.session_state["touched"] = False


def _just_left(pairs: list[tuple[str, str]]) -> bool:
    recent = [(when, what) for when, what in st.session_state.get("left", []) if time.monotonic() - when < STALE]
    st.session_state["left"] = recent
    return any(what == pairs for _, what in recent)


def _address() -> list[tuple[str, str]]:
    """What the address says, but for what concerns a lesson."""
    return [pair for pair in whole_address() if pair[0] not in lesson.NAMES]


def whole_address() -> list[tuple[str, str]]:
    """All of the address."""
    return [(name, value) for name in st.query_params for value in st.query_params.get_all(name)]
