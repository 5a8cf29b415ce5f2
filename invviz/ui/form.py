"""The controls: three in sight, the rest under More; all made from the components' own knobs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import streamlit as st

from ..attacks import ATTACKS, Attack
from ..core.component import Component
from ..datasets import Dataset
from ..defenses import DEFENSES
from ..engine.client import Site
from ..scenario import LATE_PARTS, PARTS, SETTINGS, Scenario, brought, problems
from . import budget, choice, knobs, lesson, press, stack, state, strength, things, trouble, upload
from .components import noise
from .victim import Victim, victim_of
from .widgets import holds

Empty = Callable[[Scenario], str]
WHAT_A_DEFENSE_IS = "What the client does to its message before it sends it. More, Defenses: several in order."


def controls(empty: Empty = lambda scenario: "") -> None:
    """The row at the top.

    Args:
        empty: why the page would have nothing to show for a scenario; what leads there is not offered. A page that shows something of every scenario says nothing.
    """
    upload.fit()
    now = state.scenario()
    with st.container(key="controls"):
        data, picture, model, defense, more = st.columns([2, 1.7, 2, 2.2, 1.3], vertical_alignment="bottom")
    with data:
        pick("Data", "data", empty)
    with picture:
        victim, seat = victim_of(now), state.seats("data")[0]
        last = max(now.data.index, victim.count - 1) if isinstance(victim, Victim) else 10_000_000
        st.number_input(
            things.say(now, "Picture"),
            0,
            last,
            now.data.index,
            help=things.say(now, "Which private picture is the victim, counted from 0. The buttons go to the previous and the next one.")
            + (
                " Your own picture is shown: a step leaves it for the data set's, and brings a button that shows it again."
                if now.upload
                else ""
            ),
            disabled=lesson.locks("data"),
            **holds("index", now.data.index, lambda index: _step(seat, index), seat),
        )
    with model:
        pick("Model", "model", empty)
    with defense:
        pick_defense(empty)
    with more:
        behind(empty)
    upload.again()
    trouble.said()


def behind(empty: Empty, *first: Callable[[], object]) -> None:
    """The controls under More; `first` draws, side by side, what a page has in no other place."""
    with st.popover("More", icon=":material/tune:", width="stretch", help="Attack, knobs of every part, batch, seed, own picture"):
        for place, draw in zip(st.columns(len(first)), first, strict=True) if first else ():
            with place:
                draw()
        _more(empty)


def _step(seat: state.Seat, index: int) -> None:
    """Another picture of the data set; a person's own makes room for it."""
    state.set_knobs(seat, index=index)
    upload.leave()


def slider(board: str, attacker: bool = False) -> None:
    """The strength of the (last) defense, and whether the attacker knows of it where `attacker` asks for that; `board` as of `components.noise.slider`."""
    now = state.scenario()
    if not now.defense:
        st.caption("No defense: the message is sent as it is. Choose a defense above to get a slider for its strength.")
    elif attacker:
        left, right = st.columns([4, 1.6], gap="medium", vertical_alignment="bottom")
        with left:
            _strength(now, board)
        with right:
            _attacker(now)
    else:
        _strength(now, board)
    budget.draw(now)


def _attacker(now: Scenario) -> None:
    choice.one_of(
        "The attacker",
        "attacker",
        ["unaware", "aware"],
        now.attacker,
        lambda who: state.change(attacker=who),
        {"unaware": "unaware", "aware": "knows it"}.__getitem__,
        state.seats("defense")[-1],
        disabled=lesson.locks("attacker"),
        help="Aware: told of the defense and its parameters, not of its random draw. It skips what was held back and simulates what is "
        "done to the message; deep leakage (DLG, iDLG) also looks for the most likely picture under known noise and rounding. A defense that only fools the unaware hides nothing.",
    )


def _strength(now: Scenario, board: str) -> None:
    defense, seat = now.defense[-1], state.seats("defense")[-1]
    label, options, at = f"{defense.title}: strength", strength.options(defense, now.data.modality), getattr(defense, defense.strength)
    taken = lambda value: state.set_knobs(seat, **{defense.strength: value})  # noqa: E731
    locked = lesson.locks("strength")
    live = noise.available() and not locked
    if live:
        noise.slider(board, label, strength.caption(defense), options, [defense.level(v) for v in options], at, str(seat.number), taken)
    with noise.instead("strength", live) as needed:
        if needed:
            words, more = strength.caption(defense), holds("strength", at, taken, seat)
            st.select_slider(label, options, at, format_func=lambda v: defense.level(v), help=words, disabled=locked, **more)


def pick(label: str, part: str, empty: Empty) -> None:
    """A list of components; those that do not fit say so, those with which the page would be empty are not in it."""
    now, table = state.scenario(), PARTS[part]
    current = getattr(now, part).name
    leads_to = {name: now.replace(**brought(part, _chosen(kind))) for name, kind in table.items()}
    reasons = {name: _reason(scenario) for name, scenario in leads_to.items()}
    absent = _absent(empty, {name: scenario for name, scenario in leads_to.items() if name != current})
    names = [name for name in table if name not in absent]
    choice.from_list(
        label,
        part,
        names,
        current,
        lambda name: state.change(**brought(part, _chosen(table[name]))),
        lambda name: table[name].title + (" (does not fit)" if reasons[name] else ""),
        disabled=lesson.locks(part),
        help=getattr(now, part).first_line() + _said({table[name].title: why for name, why in absent.items()}),
    )


def _chosen(kind: type[Component]) -> Component:
    """A component as it is where a person chooses it: of data sets as they lie on this server."""
    found = kind()
    return found.as_found(Site.from_env().data_dir) if isinstance(found, Dataset) else found


def _reason(scenario: Scenario) -> str:
    """Why a scenario that a choice leads to would not fit, beyond what is wrong with the present one already."""
    known = problems(state.scenario())
    return " ".join(p for p in problems(scenario) if p not in known)


def _absent(empty: Empty, leads_to: Mapping[str, Scenario]) -> dict[str, str]:
    """Choices with which the page would be empty, and why; none where it is empty already, so that every way out is open."""
    return {} if empty(state.scenario()) else {name: why for name, scenario in leads_to.items() if (why := empty(scenario))}


def _said(reasons: Mapping[str, str]) -> str:
    """What is not offered, and why, for the help of a list."""
    return "".join(f"\n\n**Not here: {title}.** {trouble.plain(why)}" for title, why in reasons.items())


def pick_defense(empty: Empty) -> None:
    """The same of the (last) defense, with none and a stack among the choices."""
    now = state.scenario()
    titles = now.defense.title
    names = ["none", *stack.listed(now)] + (["stack"] if len(now.defense) > 1 else [])
    current = "none" if not now.defense else "stack" if len(now.defense) > 1 else now.defense[0].name
    names += [current] if current not in names else []
    reasons = {name: stack.unfit(now, (DEFENSES[name](),)) for name in names if name in DEFENSES}
    absent = _absent(empty, {name: now.replace(defense=(DEFENSES[name](),)) for name in reasons if name != current})
    names = [name for name in names if name not in absent]

    def taken(name: str) -> None:
        if name != "stack":
            state.change(defense=() if name == "none" else (DEFENSES[name](),))

    choice.from_list(
        "Defense",
        "defense",
        names,
        current,
        taken,
        lambda n: {"none": "None", "stack": titles}.get(n) or DEFENSES[n].title + (" (does not fit)" if reasons[n] else ""),
        disabled=lesson.locks("defense"),
        help=(now.defense[-1].first_line() if now.defense else WHAT_A_DEFENSE_IS)
        + _said({DEFENSES[name].title: why for name, why in absent.items()}),
    )


def _more(empty: Empty) -> None:
    now = state.scenario()
    attack, defenses, parts, rest, own = st.tabs(["Attack", "Defenses", "Model and data", "Setting", things.say(now, "Own picture")])
    with attack:
        _attacks()
        knobs.of_component(now.attack, state.seats("attack")[0])
    with defenses:
        stack.draw(knobs.of_component)
    with parts:
        knobs.of_component(now.data, state.seats("data")[0])
        knobs.of_component(now.model, state.seats("model")[0])
    with rest:
        for part in ("protocol", *(part for part in LATE_PARTS if len(PARTS[part]) > 1)):
            pick(part.capitalize(), part, empty)
            knobs.of_component(getattr(now, part), state.seats(part)[0])
        for knob in SETTINGS.values():
            if knob.name not in ("upload", "attacker"):
                knobs.widget(knob, getattr(now, knob.name), lambda value, n=knob.name: state.change(**{n: value}))
    with own, trouble.shown():
        if lesson.locks("upload"):
            st.caption("Locked by the link of this class.")
        else:
            upload.draw()


def _attacks() -> None:
    """Buttons, because only they can be greyed out one by one."""
    now = state.scenario()
    for name, kind in ATTACKS.items():
        reason = _reason(now.replace(**brought("attack", kind())))
        chosen = name == now.attack.name
        press.button(
            kind.title,
            f"attack/{name}",
            functools.partial(_take, kind),
            type="primary" if chosen else "secondary",
            disabled=bool(reason) or lesson.locks("attack"),
            help=reason or kind.__doc__.split("\n")[0],  # type: ignore[union-attr]
            width="stretch",
        )
        if reason:
            st.caption(reason)


def _take(kind: type[Attack]) -> None:
    now = state.scenario()
    if kind.name != now.attack.name:
        state.open_scenario(now.replace(attack=kind()))
