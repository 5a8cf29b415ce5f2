"""The Guide: one stop at a time, words on the left, the scene on the right; the answer comes after a guess."""

from __future__ import annotations

import functools
from html import escape

import streamlit as st

from ...scenario import Scenario
from .. import choice, glossary, language, lesson, press, pulse, shares, shell, sight, state, trouble
from ..pages import PAGES
from . import board, pictures, scale, summary, teach
from ._scene import Scene
from .scale import GUESS
from .stops import STOPS, Stop, Told, compared, places, told

VIEWS = {"stop": "", "lang": language.FIRST, "shown": "", **{GUESS + stop.key: "" for stop in STOPS}}


def draw() -> None:
    """The whole page; redrawn alone."""
    with trouble.shown():
        _draw()


def _draw() -> None:
    pulse.keep(bool(lesson.lesson().group))  # guesses come in, and the teacher shows the answer
    lang, place = spoken(), at()
    if state.view("stop") != str(place + 1):
        st.session_state["view stop"] = str(place + 1)
    state.write_address(views_alone=True)
    words = language.words(lang)["page"]
    if lang == language.FIRST:
        shell.head("guide")
    else:
        st.markdown(f"# {words['heading']}&ensp;:gray[{words['question']}]")
    trouble.said()
    _bar(lang, place)
    stop = STOPS[place]
    scene = stop.scene()
    if scene is None:
        st.info(words["missing"].format(command=stop.made), icon=":material/image_not_supported:")
        _onward(stop, place, False, lang)
        return
    said, guess, answered = told(stop, lang, scene), guess_of(stop, scene), is_shown(stop, scene)
    with st.container(key="guide-stop"):  # in the order of the keyboard; the style sheet puts the scene to the right where there is room
        with st.container(key="guide-words"):
            st.html(_text(stop, said, place, lang))
            if stop.kind != "scale":
                _choice(stop, said, guess, scene.answer if answered else None, lang)
        with st.container(key="guide-scene"):
            pictures.draw(stop, scene, said, guess, answered, lang)
            if stop.kind == "scale":
                scale.draw(stop, scene, guess, answered, lang)
            if answered and scene.without:
                st.html(pictures.rule(scene, lang))
            if scene.shares and answered:
                st.html(f'<div class="guide">{shares.html(lang)}</div>')
        with st.container(key="guide-act"):
            if answered:
                st.html(_answer(stop, scene, said, guess, lang))
            else:
                _show(stop, guess, lang)
            _onward(stop, place, answered, lang)
            board.draw(stop, scene, said.options, answered, lang)
    if answered and place + 1 == len(STOPS):
        summary.draw(lang)


def spoken() -> str:
    """The language that the address names, or English."""
    return choice.pick("lang", language.languages(), language.FIRST)


def at() -> int:
    """Place of the open stop; the first where the address names none."""
    return min(max((state.whole("stop") or 1) - 1, 0), len(STOPS) - 1)


def guess_of(stop: Stop, scene: Scene) -> int | None:
    """What was guessed at a stop; None where nothing was, or the address says something that cannot be chosen."""
    guess = state.whole(GUESS + stop.key)
    return guess if guess is not None and guess < places(stop, scene) else None


def is_shown(stop: Stop, scene: Scene) -> bool:
    """Whether its answer is: only after a guess, but on the teacher's screen; for a class when the teacher has shown it."""
    open_, guessed = stop.key in state.view("shown").split(","), guess_of(stop, scene) is not None
    if board.waits(stop) and board.sent(stop):
        return guessed and (open_ or board.revealed(stop))
    return open_ and (guessed or lesson.lesson().board)


def _bar(lang: str, place: int) -> None:
    """The stops as numbers, and the language."""
    words = language.words(lang)["page"]
    done = state.view("shown").split(",")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="guide-bar"):
        numbers = [str(n + 1) for n in range(len(STOPS))]
        names = {n: f"{n} ✓" if stop.key in done else n for n, stop in zip(numbers, STOPS, strict=True)}
        go = functools.partial(state.set_view, "stop")
        choice.one_of(words["stop"], "stop", numbers, str(place + 1), go, names.__getitem__, label_visibility="collapsed")
        group = lesson.lesson().group
        st.caption(words["class"].format(group=group) if group else words["way"])
        known = language.languages()
        speak = functools.partial(state.set_view, "lang")
        choice.one_of(words["language"], "lang", list(known), lang, speak, known.__getitem__, label_visibility="collapsed")
        teach.draw(lang)


def _text(stop: Stop, said: Told, place: int, lang: str) -> str:
    inline = functools.partial(glossary.inline, lang=lang)
    return (
        f'<div class="guide" lang="{lang}"><h2>{place + 1}. {escape(said.title)}</h2>'
        f"<div class='said'>{inline(said.text, place=f'{stop.key}-text')}</div><div class='said ask'>{inline(said.ask, place=f'{stop.key}-ask')}</div></div>"
    )


def _answer(stop: Stop, scene: Scene, said: Told, guess: int | None, lang: str) -> str:
    beside = "" if guess is None else f"<em>{escape(compared(stop, lang, scene, guess))}</em> "
    words = glossary.inline(said.reveal, lang, f"{stop.key}-reveal")
    return f'<div class="guide answer" lang="{lang}"><div class="said">{beside}{words}</div></div>'


def _choice(stop: Stop, said: Told, guess: int | None, right: int | None, lang: str) -> None:
    """Two answers to choose from; once it is known, the right one is marked."""
    options = {str(place): option + " ✓" * (place == right) for place, option in enumerate(said.options)}
    more = {"disabled": right is not None or board.sent(stop), "label_visibility": "collapsed"}
    take, now = functools.partial(state.set_view, GUESS + stop.key), None if guess is None else str(guess)
    choice.one_of(language.words(lang)["page"]["guess"], GUESS + stop.key, list(options), now, take, options.__getitem__, **more)


def _show(stop: Stop, guess: int | None, lang: str) -> None:
    """The button that shows what is so."""
    words = language.words(lang)["page"]

    def show() -> None:
        if lesson.lesson().board:
            board.show(stop)
        state.set_view("shown", ",".join([*filter(None, state.view("shown").split(",")), stop.key]))

    with st.container(horizontal=True, vertical_alignment="center"):
        if board.waits(stop) and board.sent(stop):
            st.caption(words["sent"])
            press.button(words["now"], f"show {stop.key}", show, type="tertiary")
        elif board.waits(stop):
            tell = functools.partial(board.tell, stop, guess or 0)
            press.button(words["send"], f"send {stop.key}", tell, type="primary", disabled=guess is None)
        else:
            mute = guess is None and not lesson.lesson().board
            press.button(words["show"], f"show {stop.key}", show, type="primary", disabled=mute, help=words["first"] if mute else None)
        if guess is None and not lesson.lesson().board:
            st.caption(words["first"])


def _onward(stop: Stop, place: int, answered: bool, lang: str) -> None:
    """To the page with this scene, to the stop before and to the next."""
    words = language.words(lang)["page"]
    with st.container(horizontal=True, gap="small", key="guide-onward"):
        to = stop.opens
        label = f"{words['try']}: {PAGES[to.page].title}"
        press.button(
            label,
            f"try {stop.key}",
            lambda: _open(stop),
            page=f"pages/{to.page}.py",
            shows=to.place or sight.TOP,
            icon=":material/science:",
        )
        if place + 1 < len(STOPS):
            kind = "primary" if answered else "secondary"
            press.button(words["next"], "next", lambda: state.set_view("stop", str(place + 2)), type=kind, icon=":material/arrow_forward:")
        if answered and not board.waits(stop):
            name = words["round" if lesson.lesson().board else "again"]
            press.button(name, f"again {stop.key}", lambda: _again(stop), type="tertiary", icon=":material/undo:")


def _again(stop: Stop) -> None:
    """The answer is hidden, the guess forgotten; on the teacher's screen those of the class, too."""
    if lesson.lesson().board:
        board.new_round(stop)
    state.set_view(GUESS + stop.key, "")
    state.set_view("shown", ",".join(one for one in state.view("shown").split(",") if one != stop.key))


def _open(stop: Stop) -> None:
    """The scene on the page that it belongs to."""
    state.open_scenario(Scenario.parse(stop.opens.scenario))
    for name, value in stop.opens.views.items():
        state.set_view(name, value)
