"""The Defend page: how little of each noise hides the picture."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import streamlit as st

from ...core.figures import number, percent
from ...defenses import DEFENSES, Defense, Stack
from ...engine import calibrate_noise
from ...jobs.limits import risk_problems
from ...metrics import GAINS, tells
from ...risk import Decomposition, psnr_of
from ...scenario import Scenario
from ...scenario.families import defenses
from .. import beyond, broken, choice, more, sight, state, trouble
from ..components import noise
from ..memory import Memory, fingerprint
from ..waits import waits
from ..widgets import holds
from . import wished
from .opened import open_stack
from .row import Row

AIMS = {"ceiling": "Expected best", "invre": "InvRE"}
WISH = {"ceiling": 13.0, "invre": 0.2}  # the last steps at which the picture is hidden
_found: Memory[calibrate_noise.Least] = Memory(5_000)  # the same at every drawing
PLACES = 61  # of the slider: half a dB each
LABELS = (*wished.LABELS, "")
_every: Memory[list[list[wished.Line]]] = Memory(40)
WIDTHS = (2, 2.4, 1.2, 1.3, 1.2, 2.6, 1.4)


def candidates(now: Scenario) -> list[Scenario]:
    """One scenario for each defense whose strength moves noise; with the scenario's own knobs where it is open."""
    own = now.defense.by_name() if len(now.defense) == 1 else {}
    listed = [own.get(name, kind()) for name, kind in DEFENSES.items()]
    found = [defenses.compared(now, (d,)) for d in listed if d.coloured or calibrate_noise.solvable(d)]
    return [s for s in found if not risk_problems(s)]


def draw(now: Scenario, bare: Row, found: Sequence[Row]) -> None:
    """The wish, and one line a defense."""
    st.markdown("## Least noise that hides it")
    left, right, words = st.columns([1.4, 1, 2.6], gap="medium", vertical_alignment="bottom")
    with left:
        aim = choice.of_view("aim", AIMS, "What is wanted", label_visibility="collapsed")
    with right:
        value = _wish(aim, bare)
    target = value if bare.view is None else calibrate_noise.psnr_target(aim, value, bare.view.decomposition)
    with words:
        st.caption(_meaning(aim, value, target, bare))
    live = noise.available() and bare.view is not None and more.is_open("least")
    if live and bare.view is not None:
        wishes = _wishes(aim, value, bare.view.decomposition)
        every = lambda: [_lines(found, target) for _, target, _ in wishes]  # noqa: E731
        views = [row.view for row in found if row.view is not None]
        name = (aim, tuple(wishes), tuple(row.scenario for row in found), *(fingerprint(view.decomposition.gains) for view in views))
        whole = len(views) == len(found)  # else something is still to come
        wished.draw(aim, value, wishes, _every.of(name, every) if whole else every(), functools.partial(_open, now))
    with st.container(key="least-table"), noise.instead("least", live) as needed:
        if needed:
            for column, label in zip(st.columns(WIDTHS), LABELS, strict=True):
                column.caption(f"**{label}**" if label else "")
            for row in found:
                _line(now, row, target)
    st.caption(
        f"Solved on the stored spectrum, without any attack: hidden from the ideal attacker, on average. {_bounds(found)} Noise energy: expected squared length of the noise over that of the message it is added to. Harm to "
        "training: energy of Gaussian noise that would raise the loss as much, by its curvature on public pictures (Fisher matrix); low is what a client wants."
    )
    broken.draw([row.stack for row in found], "the ideal attacker of this table")


def _bounds(found: Sequence[Row]) -> str:
    """Why the expected bests of these lines are no bounds."""
    return " ".join(beyond.bounds_of(found))


def _wish(aim: str, bare: Row) -> float:
    low, high, step = (0.0, 100.0, 1.0) if aim == "ceiling" else (0.0, 1.0, 0.05)
    hidden = WISH[aim] if aim == "invre" or bare.view is None else last_hidden(bare.view.decomposition)
    now = min(max(_number(state.view("target"), hidden), low), high)
    return st.number_input(
        "at most (dB)" if aim == "ceiling" else "at most (share recovered)",
        low,
        high,
        now,
        step,
        format="%g",
        **holds(f"target {aim}", now, lambda value: state.set_view("target", "" if value == hidden else f"{value:g}")),
    )


def last_hidden(d: Decomposition) -> float:
    """The highest expected best, in steps of 0.1 dB, that is still called hidden."""
    return (math.ceil(round(10 * (_blind(d) + GAINS[0]), 6)) - 1) / 10


def _blind(d: Decomposition) -> float:
    """What somebody has on average who sees no message, in dB."""
    return psnr_of(d.trace / d.size)


def _number(text: str, otherwise: float) -> float:
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return value if value == value else otherwise


def _meaning(aim: str, value: float, target: float, bare: Row) -> str:
    if bare.view is None:
        return ""
    blind = _blind(bare.view.decomposition)
    if aim == "ceiling":
        start = f"{number(value)} dB: the message {tells(1 - 10 ** ((blind - target) / 10))}."
    else:
        start = f"InvRE {number(value)} is an expected best of {target:.1f} dB: the message {tells(value)}."
    return f"{start} Without a message a guess reaches {blind:.1f} dB on average: nothing comes below."


def _wishes(aim: str, value: float, d: Decomposition) -> list[tuple[float, float, str]]:
    """Places of the slider, from what hides most on: the wish, as an expected best in dB, in words."""
    if aim == "invre":
        wishes = {round(0.05 * k, 2) for k in range(1, 20)} | {value}
        return [(v, calibrate_noise.psnr_target(aim, v, d), f"InvRE {number(v)} ({tells(v)})") for v in sorted(wishes)]
    blind = _blind(d)
    wishes = {0.5 * k for k in range(math.ceil(2 * blind), math.ceil(2 * blind) + PLACES)} | {value}
    return [(v, v, f"{number(v)} dB ({tells(1 - 10 ** ((blind - v) / 10))})") for v in sorted(wishes)]


def _lines(found: Sequence[Row], target: float) -> list[wished.Line]:
    """One a defense: its name, and what there is to say of it at a wish."""
    return [wished.Line(row.stack[0].title, *_cells(row, target), defenses.in_short(row.stack.promise or "none")) for row in found]


def _cells(row: Row, target: float) -> tuple[list[str], Stack | None]:
    """Least strength, energy, harm and expected best there, with what can be opened; or why there is none."""
    defense = row.stack[0]
    found = _solved(row, defense, target)
    if isinstance(found, str) or found.strength is None:
        return [found if isinstance(found, str) else found.reason], None
    costs = ["–" if cost is None else _share(cost) for cost in (found.energy, found.harm)]
    value = found.strength if isinstance(found.strength, int) else float(f"{found.strength:.4g}")
    best = "–" if found.ceiling is None else f"{found.ceiling:.1f} dB"
    return [defense.level(found.strength), *costs, best], Stack((defense.replace(**{defense.strength: value}),))


def _line(now: Scenario, row: Row, target: float) -> None:
    defense = row.stack[0]
    name, *places, promise, button = st.columns(WIDTHS, vertical_alignment="center")
    name.markdown(defense.title)
    promise.caption(defenses.in_short(row.stack.promise or "none"), help=defense.promise or None)
    cells, stack = _cells(row, target)
    if stack is None:
        places[0].caption(trouble.plain(cells[0]))
        return
    for place, words in zip(places, (f"**{cells[0]}**", *cells[1:]), strict=True):
        place.markdown(words)
    button.button(
        "Open it",
        key=state.key(f"least {defense.name}"),
        on_click=functools.partial(_open, now, stack),
        help=f"Open {defense.title} at this strength.",
    )


def _open(now: Scenario, stack: Stack) -> None:
    open_stack(now, stack)
    sight.bring("opened")


def _solved(row: Row, defense: Defense, target: float) -> calibrate_noise.Least | str:
    """The answer, or where it is."""
    view = row.view
    if view is None:
        return f"spectrum: {waits(row.job) or 'not known yet'}"
    if defense.coloured:
        return (
            calibrate_noise.least_on_ladder(view.ladder, target)
            if view.ladder
            else "not solved at this size of picture and with this prior: every strength takes a spectrum of its own. Choose it above (Defense) and move its slider"
        )
    name = (row.scenario, view.decomposition.method, target, *(getattr(view.decomposition, of) for of in ("message_norm", "trace")))
    return _found.of(
        name, lambda: calibrate_noise.least_strength(row.scenario, defense, view.decomposition, view.size, view.stages, target)
    )


def _share(energy: float) -> str:
    return percent(energy) if energy < 10 else f"{energy:,.0f} times"
