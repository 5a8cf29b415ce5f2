"""The Curves page, from top to bottom."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import streamlit as st

from ...core.command import command
from ...core.errors import InvvizError
from ...core.figures import readable
from ...studies.plans import PLANS
from ...studies.tradeoff import Missing, Operating, blunt, passed_over, sentence, solved
from .. import asking, broken, choice, glossary, more, pulse, state, strongest, things, trouble
from . import bar, beside, drops, launch, numbers, own, paper, plane, source, strips, take
from .words import BUDGETS, stack_of, titles

VIEWS = {"of": "", "privacy": "", "budget": "1", "point": "", "span": "near", "seen": "", "setting": "0"}
STATES = {
    "failed": ":material/error: failed",
    "unfit": ":material/block: do not fit",
    "waiting": ":material/hourglass_empty: not computed",
    "done": ":material/info: done",
}
LISTED = 8  # reasons
NUMBER = re.compile(r"\d+(\.\d+)?(e[-+]?\d+)?")


def draw() -> None:
    """Redrawn alone when a control of it moves, and while a sweep runs."""
    with trouble.shown():
        _draw()


def _draw() -> None:
    state.write_address()
    names = source.listed()
    if not names:
        pulse.keep(asking.busy("clients", state.scenario()))
        _nothing()
        own.draw(expanded=True)
        return
    with trouble.shown():
        shown, measure = bar.draw(names)
        pulse.keep(shown.active or asking.busy("clients", state.scenario()))
        launch.running(shown)
        _study(shown, measure)
    own.draw(expanded=False)


def _study(shown: source.Shown, measure: str) -> None:
    budget = choice.pick("budget", BUDGETS, "1")
    part = numbers.part(shown, bar.setting(shown))
    try:
        found, best = numbers.points_of(part, measure), numbers.operating(part, measure, int(budget) / 100)
    except InvvizError as err:
        st.info(trouble.plain(str(err)), icon=":material/hourglass_empty:" if shown.active else ":material/info:")
        _lacking(shown)
        return
    names = titles(p.defense for p in found)
    finding = blunt(found, numbers.words(part, found[:1]).get(found[0], "")) or sentence(best, int(budget) / 100, names)
    st.markdown(f"## {trouble.plain(finding)}", help=glossary.of(finding))
    if said := _left(part, best, names):
        st.markdown(trouble.plain(said))
    if not solved(part.rows, measure):
        broken.draw([stack_of(label) for label in names], "the attackers of this study", tried=not shown.facts or "amended" in shown.facts)
    with st.container(horizontal=True, gap="medium", key="curves-top"):
        with st.container(width="stretch", key="plane"):
            plane.draw(shown, part, found, best, measure, budget, finding)
        with st.container(width=370, key="beside"):
            beside.draw(shown, part, found, best, measure)
    first = part.rows.iloc[0]
    strongest.draw([name for label in names for name in [d.name for d in stack_of(label)]], first["data"], first["model"])
    with more.figures(things.say(part.like, "pictures of every strength"), "strips", ("seen", VIEWS["seen"])):
        strips.draw(shown, part, found, best)
    with more.figures("defenses at equal accuracy, and the paper's headline", "drops"):
        drops.draw(part, found, measure)
        paper.headline(shown)
    with more.figures("what failed or is missing, and where all this comes from", "origin"):
        _lacking(shown)
        take.footer(shown)
    take.draw(shown)


def _left(part: numbers.Part, best: Operating | None, names: dict[str, str]) -> str:
    """What is left even so at the point to use, and what is passed over."""
    if best is None:
        return ""
    word = numbers.words(part, [best.point])[best.point]
    still = (
        f"That is still {word}: nothing that was tried and can be relied on leaves less at this cost." if word not in ("", "hidden") else ""
    )
    return " ".join(filter(None, (still, passed_over(best, names))))


def _nothing() -> None:
    """Neither a study nor a sweep is here."""
    st.info(
        "Nothing has been computed yet: no study is on this machine, and no sweep was asked for. A sweep trains a net and attacks it once for every strength of every "
        "defense; the plane of accuracy and privacy is drawn from it. Launch one below, or make the shipped studies with the command.",
        icon=":material/stacked_line_chart:",
    )
    st.code("\n".join(command(name, module="invviz.studies") for name in PLANS), language="bash")


def _lacking(shown: source.Shown) -> None:
    """What failed or is missing, by reason."""
    found = _alike(numbers.lacking(shown))
    if not found:
        return
    st.markdown("## What failed or is missing")
    for one in found[:LISTED]:
        cells = f"{one.count:,} cell{'s' * (one.count != 1)}"
        st.caption(f"{STATES.get(one.state, one.state)}: {cells}. {trouble.plain(readable(one.reason))}  \nfirst: `{one.scenario}`")
    if len(found) > LISTED:
        st.caption(f"and {len(found) - LISTED} more reasons; all are in the table (column reason).")


def _alike(found: Sequence[Missing]) -> list[Missing]:
    """Reasons that differ in their numbers only are one, with the numbers of the first."""
    groups: dict[tuple[str, str], list[Missing]] = {}
    for one in found:
        groups.setdefault((one.state, NUMBER.sub("0", one.reason)), []).append(one)
    return [
        dataclasses.replace(
            group[0], count=sum(m.count for m in group), reason=group[0].reason + (" (and the like)" if len(group) > 1 else "")
        )
        for group in groups.values()
    ]
