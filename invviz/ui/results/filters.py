"""Which results the page lists, and in which order: choices that the address keeps."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import streamlit as st

from ...attacks import ATTACKS
from ...core.component import Component, shown
from ...datasets import DATASETS
from ...defenses import DEFENSES
from ...jobs.limits import limits
from ...jobs.store import Store, Wanted
from ...models import MODELS
from ...scenario.kinds import WORK, Score, askable
from .. import choice, press, state, trouble
from ..session import session
from ..widgets import holds

SWEEP = "sweep"  # beside the kinds of work
VIEWS = {
    "kind": "",
    "of_data": "",
    "of_model": "",
    "of_defense": "",
    "of_attack": "",
    "span": "",
    "order": "newest",
    "mine": "",
    "place": "1",
}
PARTS: Mapping[str, Mapping[str, type[Component]]] = {"data": DATASETS, "model": MODELS, "defense": DEFENSES, "attack": ATTACKS}
ORDERS = {
    "newest": ("Newest first", "finished", True),
    "oldest": ("Oldest first", "finished", False),
    "highest": ("Highest score", "score", True),
    "lowest": ("Lowest score", "score", False),
    "longest": ("Longest", "seconds", True),
    "largest": ("Largest on the disk", "bytes", True),
}
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?"
SPAN = re.compile(rf"\s*({NUMBER})?\s*\.\.\s*({NUMBER})?\s*")


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the address asks for.

    Attributes:
        wanted: of the store.
        order: of the rows: by what, and whether it falls.
        wrong: what cannot be taken as it is written, in words; nothing is listed then.
        narrow: whether anything is chosen.
    """

    wanted: Wanted
    order: tuple[str, bool]
    wrong: tuple[str, ...]
    narrow: bool


def read(store: Store) -> Choice:
    """The address as a question to the store, or what is wrong with it."""
    wrong: list[str] = []
    kind = state.view("kind")
    if kind and kind not in kinds():
        wrong.append(f"kind={shown(kind)} is no kind of work; known: {', '.join(kinds())}.")
        kind = ""
    parts = tuple((part, name) for part in PARTS if (name := state.view(f"of_{part}")))
    for part, name in parts:
        if name not in PARTS[part] and (part, name) != ("defense", "none") and name not in (there := store.counts(Wanted())[part]):
            known = ", ".join(there) or "none yet"
            wrong.append(f"of_{part}={shown(name)} is no {part} that is known here. Results there are of: {known}.")
    score = score_of(kind)
    low, high, said = span(state.view("span"), score)
    wrong += [said] if said else []
    order = state.view("order")
    if order not in ORDERS:
        wrong.append(f"order={shown(order)} is no order; known: {', '.join(ORDERS)}.")
    elif ORDERS[order][1] == "score" and score is None:
        wrong.append("Scores are of one kind of work each (dB, shares, percent): choose a kind to sort by them.")
    wanted = Wanted(kind if kind != SWEEP else "", parts, low, high, session().name if state.view("mine") else "")
    return Choice(wanted, ORDERS.get(order, ORDERS["newest"])[1:], tuple(wrong), wanted != Wanted() or kind == SWEEP)


def kinds() -> list[str]:
    """That can be chosen."""
    return [*(name for name in askable() if WORK[name].listed), SWEEP]


def score_of(kind: str) -> Score | None:
    """The score of a kind, where one is chosen that has one."""
    return WORK[kind].score if kind in WORK else None


def span(text: str, score: Score | None) -> tuple[float | None, float | None, str]:
    """Ends of `20..30`, either of which may be left out, as scores are stored; and what is wrong with it.

    Example:
        >>> percent, decibel = Score("", "accuracy", "{:.1f} %", "in %", 100), Score("", "PSNR", "{:.1f} dB", "in dB")
        >>> span("20..30", decibel), span("..90", percent)
        ((20.0, 30.0, ''), (None, 0.9, ''))
        >>> span("30..20", decibel)[2]
        'The score runs from 30 to 20: write the smaller number first.'
    """
    if not text.strip():
        return None, None, ""
    if score is None:
        return None, None, "Scores are of one kind of work each (dB, shares, percent): choose a kind to look for a score."
    found = SPAN.fullmatch(text)
    if not found or not (found[1] or found[2]):
        return None, None, f"{shown(text)} is no span of a score: write it as in 20..30; one of the two may be left out."
    low, high = (float(end) / score.times if end else None for end in found.groups())
    if low is not None and high is not None and low > high:
        return None, None, f"The score runs from {found[1]} to {found[2]}: write the smaller number first."
    return low, high, ""


def draw(store: Store, chosen: Choice) -> None:
    """The choices, each with how many results there are of it."""
    counts = store.kinds()
    kind = state.view("kind") if state.view("kind") in kinds() else ""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="results-bar"):
        said = {"": "All kinds", **{name: f"{WORK[name].title} ({counts.get(name, 0):,})" for name in kinds() if name in WORK}}
        said[SWEEP] = f"Sweep ({len(store.sweeps()):,})"
        choice.from_list("Kind of work", "results kind", list(said), kind, _take_kind, said.__getitem__, width=190)
        if kind == SWEEP:
            return
        for part, there in store.counts(chosen.wanted).items():
            _part(part, there)
        score = score_of(kind)
        if score is not None:
            st.text_input(
                f"{score.title} ({score.unit})",
                state.view("span"),
                placeholder="from..to",
                help=f"As in 0.5..0.9; one of the two may be left out. {score.says}",
                width=130,
                max_chars=40,
                **holds("results span", state.view("span"), lambda value: take("span", value)),
            )
        orders = {name: title for name, (title, by, _) in ORDERS.items() if by != "score" or score is not None}
        order = state.view("order") if state.view("order") in orders else "newest"
        choice.from_list("Order", "results order", list(orders), order, lambda value: take("order", value), orders.__getitem__, width=150)
        if limits().name != "own" or state.view("mine"):
            st.toggle(
                "Mine",
                bool(state.view("mine")),
                help="What this tab has asked for. A page that was loaded again is a new visitor.",
                **holds("results mine", bool(state.view("mine")), lambda on: take("mine", "yes" if on else "")),
            )
    for words in chosen.wrong:
        st.warning(trouble.plain(words), icon=":material/filter_alt_off:")


def _part(part: str, counts: Mapping[str, int]) -> None:
    """One part: its components of which there are results, and the one that is asked for."""
    now = state.view(f"of_{part}")
    names = {"": "Any", **{name: f"{title(part, name)} ({count:,})" for name, count in counts.items()}}
    names.setdefault(now, f"{title(part, now)} (0)")
    choice.from_list(
        part.capitalize(), f"results {part}", list(names), now, lambda value: take(f"of_{part}", value), names.__getitem__, width=170
    )


def title(part: str, name: str) -> str:
    """A component for people; one that is not known any more by its name."""
    if (part, name) == ("defense", "none"):
        return "No defense"
    return PARTS[part][name].title if name in PARTS[part] else name


def take(view: str, value: str) -> None:
    """Choose, from a widget's callback: the list begins anew."""
    state.set_view(view, value)
    state.set_view("place", "1")


def _take_kind(kind: str) -> None:
    take("kind", kind)
    state.set_view("span", "")
    if ORDERS.get(state.view("order"), ("", "", True))[1] == "score":
        state.set_view("order", "newest")


def reset(name: str) -> None:
    """A button that chooses nothing any more."""
    press.button("Show all results", name, _all, icon=":material/filter_alt_off:")


def _all() -> None:
    for view, value in VIEWS.items():
        state.set_view(view, value)
