"""The Defend page, from top to bottom."""

from __future__ import annotations

import streamlit as st

from ...scenario import problems
from ...scenario.families import defenses
from .. import asking, broken, choice, more, press, pulse, sight, state, things, trouble
from ..samples import sentence_tables
from ..victim import victim_of
from . import ab, bar, equal, grid, least, opened, redteam, row, rows, story

VIEWS = {
    "rows": "usual",
    "order": "best",
    "a": "undefended",
    "b": "aware",
    "aim": "ceiling",
    "target": "",
    "equal": "drop 3",
    "red": "digits",
    **story.VIEWS,
}


def draw() -> None:
    """Grid, then the open row; redrawn alone when a control of it moves."""
    with trouble.shown():
        _draw()


def _draw() -> None:
    if st.session_state.pop("opened a row", False):
        st.rerun()  # the controls above show another scenario, too
    now = state.scenario()
    state.write_address()
    victim = victim_of(now.replace(upload=""))
    listed = [defenses.compared(now, stack) for stack in defenses.stacks(now, choice.pick("rows", defenses.CHOICES))]
    if now.data.modality.discrete:
        sentence_tables.defend(now, listed)
        return
    sides = ab.sides(now)
    if isinstance(victim, str) or problems(listed[0]):
        pulse.keep(False)
        st.warning(trouble.plain(victim if isinstance(victim, str) else " ".join(problems(listed[0]))), icon=":material/block:")
        return
    seen, solved = [*listed, *sides.values()], least.candidates(now)
    wanted = list(dict.fromkeys([*seen, *solved]))
    found = dict(zip(wanted, rows.found(wanted, victim.truth, set(solved) - set(seen)), strict=True))
    shown = [found[s] for s in listed]
    pulse.keep(any(job.active for one in found.values() for job in one.jobs))
    bar.draw(shown, victim)
    old = row.remembered(shown)
    grid.draw(shown, bar.ordered(shown, old), now, old)
    if broken.draw([one.stack for one in shown if not one.unfit], "the attackers of this table", tried=True):
        press.button("See how it breaks", "to broken", lambda: sight.bring(story.PLACE), icon=":material/arrow_downward:", type="tertiary")
    asking.unscored(now, [one for one in shown if not one.unfit])
    asking.failed([found[s] for s in wanted], lambda one: one.name)  # those that only A and B or the least noise show, too
    with st.container(key="opened"):
        opened.draw(now, shown)
    story.draw(now)
    with more.figures("the strongest of all attacks behind every defense", "redteam", ("red", VIEWS["red"])):
        redteam.draw()
    with more.figures(things.say(now, "A and B, the same picture with one thing changed"), "a-and-b", ("a", VIEWS["a"]), ("b", VIEWS["b"])):
        ab.draw(now, {name: found[s] for name, s in sides.items()})
    with more.figures("the least noise that hides it", "least", ("aim", VIEWS["aim"]), ("target", VIEWS["target"])):
        least.draw(now, shown[0], [found[s] for s in solved])
    with more.figures("defenses at equal cost", "equal", ("equal", VIEWS["equal"])):
        equal.draw()
    st.code(now.text(), language=None, wrap_lines=True)
