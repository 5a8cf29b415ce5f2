"""Several defenses in order: which ones, in which order, and the knobs of each."""

from __future__ import annotations

import functools
from collections.abc import Callable

import streamlit as st

from ..defenses import DEFENSES, Defense
from ..scenario import Scenario, problems
from . import choice, lesson, state
from .state import Seat

MOST = 6  # defenses in a stack


def listed(now: Scenario) -> list[str]:
    """Names of the defenses that protect what this protocol sends."""
    return [name for name, kind in DEFENSES.items() if not kind.needs.embedding or now.protocol.sends_embedding]


def unfit(now: Scenario, stack: tuple[Defense, ...]) -> str:
    """What would be wrong with this stack that is not wrong already."""
    before = problems(now)
    return " ".join(p for p in problems(now.replace(defense=stack)) if p not in before)


def draw(knobs: Callable[[Defense, Seat], None]) -> None:
    """The stack, first defense innermost. Callbacks look at the stack as it is by then: the slider moves it without this being drawn again.

    Args:
        knobs: draws the controls of one defense, the strength among them unless it is the last one's, which has the slider.
    """
    now = state.scenario()
    if now.defense:
        st.caption("The message goes through them from top to bottom. The slider beside the pictures moves the last one.")
    for place, seat in enumerate(state.seats("defense")):
        defense = now.defense[place]
        name, up, out = st.columns([4, 1, 1], vertical_alignment="center")
        name.markdown(f"**{place + 1}. {defense.title}**")
        up.button(
            "",
            icon=":material/arrow_upward:",
            key=f"up {seat.number}",
            disabled=place == 0 or lesson.locks("defense"),
            help="Earlier",
            on_click=functools.partial(_earlier, seat),
        )
        out.button(
            "",
            icon=":material/close:",
            key=f"out {seat.number}",
            help=f"Without {defense.title}",
            disabled=lesson.locks("defense"),
            on_click=functools.partial(_out, seat),
        )
        knobs(defense, seat)
    if len(now.defense) >= MOST:
        return
    reasons = {name: unfit(now, (*now.defense, DEFENSES[name]())) for name in listed(now)}
    choice.from_list(
        "One more defense" if now.defense else "A defense",
        "one more",
        list(reasons),
        None,
        lambda name: state.change(defense=(*state.scenario().defense, DEFENSES[name]())),
        lambda name: DEFENSES[name].title + (" (does not fit here)" if reasons[name] else ""),
        placeholder="Choose one to put it last",
        disabled=lesson.locks("defense"),
    )


def _out(seat: Seat) -> None:
    place = state.place_of(seat)
    if place is not None:
        state.rearrange([p for p in range(len(state.scenario().defense)) if p != place])


def _earlier(seat: Seat) -> None:
    place = state.place_of(seat)
    if place:  # neither gone nor the first
        places = list(range(len(state.scenario().defense)))
        state.rearrange([*places[: place - 1], place, place - 1, *places[place + 1 :]])
