"""The Attacks page, from top to bottom."""

from __future__ import annotations

import functools

import streamlit as st

from ...scenario import Scenario
from ...scenario.families import attacks as lineup
from .. import asking, form, glossary, known, more, press, pulse, shipped, sight, state, trouble
from ..components import beside
from ..samples import sentence_tables
from ..victim import unseen_psnr, victim_of
from . import modes, pictures, race, spread, table, training, words

VIEWS = {modes.VIEW: ""}


def draw() -> None:
    """Redrawn alone when a control of it moves, and while attacks run."""
    with trouble.shown():
        _draw()


def _draw() -> None:
    state.write_address()
    now = state.scenario()
    form.slider("attacks", attacker=True)
    if now.data.modality.discrete:
        sentence_tables.attacks(now)
        _unfit(now)
        _scenes()
        st.code(now.text(), language=None, wrap_lines=True)
        return
    below = st.container(key="slider-below")
    victim, listed, section = victim_of(now.replace(upload="")), lineup.attackers(now), modes.look()
    busy = isinstance(section, modes.Section) and section.active
    if isinstance(victim, str) or not listed:
        pulse.keep(busy)
        st.warning(
            trouble.plain(victim) if isinstance(victim, str) else "No attack fits this scenario; why is listed below.",
            icon=":material/block:",
        )
        _unfit(now)
        _training(section)
        _scenes()
        return
    seeds = lineup.seeds(now)
    others = {s: {name: a.replace(seed=s.seed) for name, a in listed.items()} for s in seeds}  # a seed decides nothing of what fits
    every = known.found(known.Known, seeds, others.__getitem__, victim.truth, asked=seeds[:1])
    here, attacks = every[0], list(every[0].attacks.values())
    pulse.keep(busy or any(job.active for one in every for job in one.jobs))
    with below:
        beside.draw("attacks", here, "An ideal attacker", ".attacks.tiles .ideal", "An ideal attacker")
    unseen = unseen_psnr(now, victim.truth)
    found = words.finding(here)
    with st.container(key="after-noise-said"):
        st.markdown(f"## {trouble.plain(found)}", help=glossary.of(found))
    with st.container(horizontal=True, gap="medium", key="attacks-top"):
        with st.container(width="stretch", key="race"):
            race.draw(here, unseen)
        with st.container(width=250, key="attacks-pictures"):
            pictures.draw(here, victim)
    with st.container(horizontal=True, gap="small"):
        asking.run_all(attacks, "Run all attacks", prominent=True)
        asking.stop_all(attacks)
    table.draw(here)
    asking.unscored(now, [here])
    asking.failed(every, lambda one: f"seed {one.scenario.seed}")
    with more.figures("luck, the same attacks with other seeds", "luck"):
        spread.draw(every)
    _unfit(now)
    _training(section)
    _scenes()
    st.code(now.text(), language=None, wrap_lines=True)


def _training(section: modes.Section | str) -> None:
    with more.figures("does training mode protect?", training.PLACE, (modes.VIEW, VIEWS[modes.VIEW])):
        training.draw(section)


def _unfit(now: Scenario) -> None:
    """Attacks that are not run here, and why."""
    reasons = lineup.unfit(now)
    if not reasons:
        return
    with st.expander(f"{len(reasons)} attacks do not fit here, and why"):
        st.markdown("\n".join(f"* **{words.title(name)}**: {trouble.plain(why)}" for name, why in reasons.items()))


def _open(victim: Scenario) -> None:
    """Show a victim; its own attack begins by itself where nothing is known of it, so that no chart is empty."""
    state.open_scenario(victim)
    if shipped.attack(victim) is None:
        asking.start([known.AttackOutcome(victim)])


def _scenes() -> None:
    st.markdown("## Victims to try")
    with st.container(horizontal=True, gap="medium", key="attacks-scenes"):
        for place, scene in enumerate(lineup.SCENES):
            with st.container(border=True, width=230):
                show = functools.partial(_open, Scenario.parse(scene.scenario))
                press.button(scene.title, f"victim/{place}", show, shows=sight.TOP, type="tertiary", width="stretch")
                st.caption(scene.lesson)
