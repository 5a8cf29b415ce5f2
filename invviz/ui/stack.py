"""Several defenses in order: which ones, in which order, and the knobs of each."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ..defenses import DEFENSES, Defense
from ..scenario import Scenario, problems
from . import state

MOST = 6  # defenses in a stack


def listed(now: Scenario) -> list[str]:
    """Names of the defenses that protect what this protocol sends."""
    return [name for name, kind in DEFENSES.items() if not kind.for_embeddings or now.protocol.sends_embedding]


def unfit(now: Scenario, stack: tuple[Defense, ...]) -> str:
    """What would be wrong with this stack that is not wrong already."""
    before = problems(now)
    return " ".join(p for p in problems(now.replace(defense=stack)) if p not in before)


def draw(knobs: Callable[[Defense, int], None]) -> None:
    """The stack, first defense innermost. Callbacks look at the stack as it is by then: the slider moves it without this being drawn again.

    Args:
        knobs: draws the controls of one defense at its place, the strength among them unless it is the last one's, which has the slider.
    """
    now = state.scenario()
    if now.defense:
        st.caption("The message goes through them from top to bottom. The slider beside the pictures moves the last one.")
    for place, defense in enumerate(now.defense):
        name, up, out = st.columns([4, 1, 1], vertical_alignment="center")
        name.markdown(f"**{place + 1}. {defense.title}**")
        up.button(
            "",
            icon=":material/arrow_upward:",
            key=state.key(f"up {place}"),
            disabled=place == 0,
            help="Earlier",
            on_click=lambda p=place: _open(_swapped(state.scenario().defense, p)),
        )
        out.button(
            "",
            icon=":material/close:",
            key=state.key(f"out {place}"),
            help=f"Without {defense.title}",
            on_click=lambda p=place: _open(_without(state.scenario().defense, p)),
        )
        knobs(defense, place)
    if len(now.defense) >= MOST:
        return
    key = state.key("one more")
    reasons = {name: unfit(now, (*now.defense, DEFENSES[name]())) for name in listed(now)}
    st.selectbox(
        "One more defense" if now.defense else "A defense",
        list(reasons),
        None,
        format_func=lambda n: DEFENSES[n].title + (" (does not fit here)" if reasons[n] else ""),
        placeholder="Choose one to put it last",
        key=key,
        on_change=state.answer(key, None, lambda name: name and _open((*state.scenario().defense, DEFENSES[name]()))),
    )


def _open(stack: tuple[Defense, ...]) -> None:
    state.change(defense=stack)
    state.remake()


def _without(stack: tuple[Defense, ...], place: int) -> tuple[Defense, ...]:
    return stack[:place] + stack[place + 1 :]


def _swapped(stack: tuple[Defense, ...], place: int) -> tuple[Defense, ...]:
    return (*stack[: place - 1], stack[place], stack[place - 1], *stack[place + 1 :])
