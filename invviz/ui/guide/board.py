"""What a class guessed at a stop, as bars; on the teacher's screen as it comes in."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from ...core.errors import InvvizError
from .. import language, lesson
from ..session import station
from ._scene import Scene
from .stops import Stop, named, places

TOLD = "class told"  # in the session: stops whose guess was sent; whoever has seen the answer guesses no more for the class


def waits(stop: Stop) -> bool:
    """Whether the answer of a stop is shown to this tab by the teacher, once it has guessed."""
    return bool(lesson.lesson().group) and not lesson.lesson().board


def sent(stop: Stop) -> bool:
    """Whether this tab's guess is with those of its class."""
    return stop.key in st.session_state.get(TOLD, ())


def revealed(stop: Stop) -> bool:
    """Whether the teacher has shown the answer."""
    return station().store.revealed(lesson.lesson().group, stop.key)


def tell(stop: Stop, guess: int) -> None:
    """Keep this tab's guess with those of its class; the first at each stop counts."""
    told = st.session_state.setdefault(TOLD, set())
    if stop.key not in told:
        try:
            station().store.guess(lesson.lesson().group, stop.key, lesson.who(), guess)
            told.add(stop.key)
        except InvvizError as err:
            st.session_state["trouble"] = str(err)


def show(stop: Stop) -> None:
    """The teacher shows the answer to the class."""
    if group := lesson.lesson().group:
        station().store.reveal(group, stop.key)


def new_round(stop: Stop) -> None:
    """The teacher begins a stop again, with another group."""
    if group := lesson.lesson().group:
        station().store.new_round(group, stop.key)


def draw(stop: Stop, scene: Scene, options: Sequence[str], answered: bool, lang: str) -> None:
    """The bars; before this tab's own answer only on the teacher's screen.

    Args:
        stop: whose guesses.
        scene: with the answer, whose bar is marked once it is shown.
        options: the two answers; empty for a scale.
        answered: whether the answer is shown.
        lang: of the words.
    """
    group = lesson.lesson().group
    if group and (answered or lesson.lesson().board):
        counts = counted(station().store.guesses(group, stop.key), places(stop, scene))
        st.html(bars(counts, _names(stop, scene, options, lang), scene.answer if answered else None, group, lang))


def counted(guesses: Sequence[float], number: int) -> list[int]:
    """How many guessed each place; what is none is left out."""
    return [sum(guess == place for guess in guesses) for place in range(number)]


def bars(counts: Sequence[int], names: Sequence[str], answer: int | None, group: str, lang: str) -> str:
    """One bar a place, as high as the share that guessed it."""
    words, most = language.words(lang)["board"], max([*counts, 1])
    parts = []
    for place, (count, name) in enumerate(zip(counts, names, strict=True)):
        right = place == answer
        said = words["one"].format(count=count, name=name) + (f" ({words['answer']})" if right else "")
        parts.append(
            f'<li class="{"right" if right else ""}" aria-label="{escape(said)}"><b>{count}</b><i style="height:{100 * count / most:.0f}%"></i><span>{escape(name)}</span></li>'
        )
    title = words["title"].format(count=sum(counts), group=group)
    return f'<div class="board" lang="{lang}"><p>{escape(title)}</p><ol>{"".join(parts)}</ol></div>'


def _names(stop: Stop, scene: Scene, options: Sequence[str], lang: str) -> list[str]:
    if options:
        return list(options)
    return named(places(stop, scene), lang)
