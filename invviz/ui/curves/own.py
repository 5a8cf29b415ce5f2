"""Run your own sweep: the choices, as one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from ...core.component import Knob
from ...core.errors import InvvizError
from ...defenses import DEFENSES, Defense
from ...engine import calibrate_noise
from ...scenario import Scenario, problems, train_problems
from ...studies.sweep import MARK
from .. import choice, state, things, trouble
from ..widgets import holds
from . import clients, launch, split
from .words import titles

TRAIN = ("clients", "rounds", "split", "alpha")
NAMES = {"clients": "Clients", "rounds": "Rounds of training", "split": "Split of the pictures", "alpha": "Dirichlet alpha"}


def draw(expanded: bool) -> None:
    """Choices, the line they make, and the way to have it computed."""
    with st.expander("Run your own sweep", expanded=expanded, icon=":material/playlist_play:"):
        now = state.scenario().replace(upload="", attacker=Scenario.attacker)
        st.markdown(
            things.say(
                now,
                "The scenario on the screen is trained and attacked once for every strength of every defense you choose. Data, picture, model and attack are those of the Lab:",
            )
        )
        st.code(now.replace(defense=()).text(), language=None, wrap_lines=True)
        _training(now)
        text = _axes(now)
        pasted = st.text_area(
            "Or paste a sweep line, which then counts instead",
            key="curves pasted",
            height=68,
            placeholder="data=digits&model=mlp | seed=0..1 | defense=none,pruning(fraction=0.5..0.99/3)",
            help="SCENARIO | AXIS=values | ...: 0.1..2/4 stands for 4 numbers of equal ratio, 0..2 for 0, 1, 2. The line below a sweep can be pasted on another machine.",
        ).strip()
        launch.draw(pasted or text)
        split.draw(now)
        clients.draw(now)


def _training(now: Scenario) -> None:
    """Training, which is part of the scenario and so of the address."""
    shown = [n for n in TRAIN if n != "alpha" or getattr(now.train, "split", "") == "dirichlet"]
    for column, name in zip(st.columns(4), shown, strict=False):
        with column:
            _knob(next(k for k in now.train.knobs() if k.name == name), getattr(now.train, name))


def _knob(knob: Knob, value: object) -> None:
    seat = state.seats("train")[0]
    name, label, hint = f"train/{knob.name}", NAMES[knob.name], f"{knob.help}. Allowed: {knob.range}."
    taken = lambda new: state.set_knobs(seat, **{knob.name: new})  # noqa: E731
    if knob.choices:
        choice.from_list(label, name, knob.choices, value, taken, str, seat, help=hint)
        return
    common: dict[str, Any] = {"help": hint, **holds(name, value, taken, seat)}
    if isinstance(knob.default, int):
        st.number_input(label, int(knob.low or 0), int(knob.high or 100_000), int(value), **common)  # type: ignore[call-overload]
    else:
        st.number_input(label, knob.low, knob.high, float(value), format="%g", step=None, **common)  # type: ignore[arg-type]


def _axes(now: Scenario) -> str:
    """Defenses, strengths, seeds and pictures; answers the sweep as one line, empty where nothing is chosen."""
    offered = fitting(now)
    names = [name for name in now.defense.by_name() if name in offered][-1:]
    default = list(dict.fromkeys([*names, *(n for n, defense in offered.items() if defense.suggested.first)]))
    left, *counts = st.columns([3, 1, 1, 1], vertical_alignment="bottom")
    chosen = left.multiselect(
        "Defenses",
        list(offered),
        default,
        format_func=titles(offered).__getitem__,
        key=f"curves defenses {','.join(default)}",
        help="Those that fit this scenario. No defense is always part of it: the others are measured against it.",
    )
    each = counts[0].number_input("Strengths each", 1, 12, 4, key="curves each")
    seeds = counts[1].number_input("Seeds", 1, 10, 2, key="curves seeds", help="Weights, order and noise. One seed gives no interval.")
    many = things.say(now, "Pictures")
    pictures = counts[2].number_input(many, 1, 20, 1, key="curves pictures", help="Victims, from the one on the screen on.")
    try:
        values = [text for name in chosen for text in _values(offered[name], int(each))]
    except InvvizError as err:
        st.error(trouble.plain(str(err)), icon=":material/error:")
        return ""
    if not values:
        return ""
    first, seed = now.data.index, now.seed
    axes = [f"defense=none,{','.join(values)}", f"seed={seed}..{seed + int(seeds) - 1}", f"data.index={first}..{first + int(pictures) - 1}"]
    return f" {MARK} ".join([now.replace(defense=()).text(), *axes])


def fitting(now: Scenario) -> dict[str, Defense]:
    """Defenses that can be trained and attacked in this scenario, by name, with the knobs that the screen has for them."""
    own = now.defense.by_name()
    found = {}
    for name, kind in DEFENSES.items():
        defense = own.get(name, kind())
        trial = now.replace(defense=(defense,))
        if defense.strength and not problems(trial) and not train_problems(trial):
            found[name] = defense
    return found


def _values(defense: Defense, count: int) -> list[str]:
    """The defense at its strengths, as texts; from and to are asked for."""
    weak, strong = ends(defense)
    title, knob = st.columns([3, 3], vertical_alignment="center")
    title.markdown(f"**{titles([defense.name])[defense.name]}** :gray[{defense.strength}: {trouble.plain(defense.strength_knob().help)}]")
    with knob:
        low, high = st.columns(2)
        a = low.number_input("weakest", value=weak, format="%g", step=None, key=f"curves weak {defense.name}")
        b = high.number_input("strongest", value=strong, format="%g", step=None, key=f"curves strong {defense.name}")
    return [defense.replace(**{defense.strength: value}).text() for value in grid(defense, float(a), float(b), count)]


def ends(defense: Defense) -> tuple[float, float]:
    """Weakest and strongest strength that are worth trying: those of the shipped studies, else around the default."""
    if defense.suggested.swept is not None:
        return defense.suggested.swept
    knob = defense.strength_knob()
    low, high = knob.low if knob.low is not None else 0.0, knob.high if knob.high is not None else 100.0
    middle = float(knob.default)  # type: ignore[arg-type]
    if isinstance(knob.default, int):
        found = (max(2.0, low), min(8.0, high))
    elif high <= 1.0 and not knob.log:
        found = (min(0.5, middle), min(0.99, high))
    else:
        found = (float(f"{max(middle, 0.01) / 3:.2g}"), float(f"{max(middle, 0.01) * 10:.2g}"))
    found = (min(max(found[0], low), high), min(max(found[1], low), high))
    return found if calibrate_noise.rising(defense) else (found[1], found[0])


def grid(defense: Defense, weak: float, strong: float, count: int) -> Sequence[float | int]:
    """Strengths from weak to strong: equal ratios, of a share what is left of it, of a knob of whole numbers those.

    Example:
        >>> from invviz.defenses import DEFENSES
        >>> grid(DEFENSES["gaussian_noise"](), 0.1, 10.0, 3), grid(DEFENSES["pruning"](), 0.9, 0.99, 2)
        ([0.1, 1.0, 10.0], [0.9, 0.99])
    """
    knob = defense.strength_knob()
    if isinstance(knob.default, int):
        return list(dict.fromkeys(round(float(v)) for v in np.linspace(weak, strong, count)))
    if not knob.log and (knob.high or 0.0) <= 1.0 and max(weak, strong) < 1.0:
        values = 1 - np.geomspace(1 - weak, 1 - strong, count)
    elif min(weak, strong) > 0:
        values = np.geomspace(weak, strong, count)
    else:
        values = np.linspace(weak, strong, count)
    return list(dict.fromkeys(float(f"{v:.3g}") for v in values))
