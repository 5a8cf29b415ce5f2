"""The Vertical page, from top to bottom."""

from __future__ import annotations

import functools

import streamlit as st

from ...scenario import problems
from ...scenario.families import cuts
from .. import asking, glossary, known, more, pulse, state, things, trouble
from ..components import beside
from ..victim import unseen_psnr, victim_of
from . import bar, charts, grid, returned, tiles, words

VIEWS = {"depths": "one"}
TURNED = (
    "What was open sends gradients. This page is about embeddings: the same data and model, with pictures cut among parties. "
    "The other pages show this scenario now, too; More, Setting, Protocol turns it back there."
)


def arrive() -> None:
    """Take over the address; a scenario that sends no embedding is turned into one that does."""
    state.read_address(VIEWS, cuts.VERTICAL)
    now = state.scenario()
    if now.protocol.sends_embedding:
        return
    state.turn_into(cuts.as_vertical(now))
    st.session_state["turned"] = state.scenario()


def draw() -> None:
    """Controls of the cut, pictures at the chosen depth, then every depth; redrawn alone when a control of it moves."""
    with trouble.shown():
        _draw()


def _draw() -> None:
    if st.session_state.pop("opened a row", False):
        st.rerun()  # the controls above show another scenario, too
    now = state.scenario()
    if not now.protocol.sends_embedding:  # turned back in the controls above
        st.rerun()
    state.write_address()
    if st.session_state.get("turned") == now:  # until something is chosen here
        st.info(things.say(now, TURNED), icon=":material/swap_horiz:")
    victim = victim_of(now.replace(upload=""))
    bar.parties(now)
    listed = cuts.listed(now)
    if isinstance(victim, str) or not listed:
        pulse.keep(False)
        st.warning(trouble.plain(victim if isinstance(victim, str) else cuts.empty(now)), icon=":material/block:")
        return
    bar.depth(now, listed)
    below = st.container(key="slider-below")
    wanted = [s for s in listed if cuts.cut_of(s).cut == cuts.cut_of(now).cut]
    every = state.view("depths") == "all"  # a net is trained for each, and a spectrum may take minutes: only when a person asks
    shown = known.found(
        known.Known, listed, cuts.attackers, victim.truth, asked=sorted(listed, key=lambda s: s not in wanted) if every else wanted
    )
    here = bar.chosen(now, shown)
    pulse.keep(any(job.active for one in shown for job in one.jobs) or asking.busy("labels", here.scenario))
    with below:
        say = functools.partial(tiles.scores, here.scenario, truth=here.truth)
        beside.draw("vertical", here, "At this depth", ".vertical.tiles .ideal", "An ideal attacker", say)
    found = words.finding(shown, here)
    with st.container(key="after-noise-said"):
        st.markdown(f"## {trouble.plain(found)}", help=glossary.of(found))
    tiles.draw(now, here, victim)
    bar.run(shown, here)
    grid.draw(shown, here)
    with more.figures("charts over the depth, and the spectra", "charts"):
        charts.draw(shown, here, unseen_psnr(now, victim.truth))
    asking.unscored(now, shown)
    for reason in dict.fromkeys(" ".join(problems(a.scenario)) for one in shown for a in one.attacks.values()):
        if reason:
            st.caption(f":material/block: {trouble.plain(reason)}")
    asking.failed(shown, lambda one: f"after {cuts.layer_of(one.scenario)}")
    with more.figures("the other way round, what a party learns of the labels", "returned"):
        returned.draw(here)
    st.code(now.text(), language=None, wrap_lines=True)
