"""The page Server, from top to bottom."""

from __future__ import annotations

import functools

import streamlit as st

from ...jobs.store import Job
from ...scenario import Scenario
from ...scenario.families import servers
from .. import asking, glossary, known, more, press, pulse, sight, stale, state, trouble
from ..victim import Victim, victim_of
from ..waits import waiting, waits
from . import grid, hiding, sums, tiles, verdict, weights, words
from . import sent as look
from .tiles import Shown

VIEWS = {**sums.VIEWS, grid.VIEW: "", "defended": ""}
TURNED = "What was open has an honest server. This page is about servers that lie: the same data and model, with one that does. The other pages show this scenario now, too."


def arrive() -> None:
    """Take over the address; a scenario with an honest server is turned into one whose server lies."""
    state.read_address(VIEWS, servers.OPENING)
    now = state.scenario()
    if now.server.malicious:
        return
    state.turn_into(servers.planted(now))
    st.session_state["turned to a liar"] = state.scenario()


def draw() -> None:
    """What was read, then how it could be noticed; redrawn alone when a control of it moves."""
    with trouble.shown():
        _draw()


def _draw() -> None:
    now = state.scenario()
    if not now.server.malicious:  # turned back in the controls above
        st.rerun()
    state.write_address()
    if st.session_state.get("turned to a liar") == now:  # until something is chosen here
        st.info(TURNED, icon=":material/swap_horiz:")
    victim, unfit = victim_of(now.replace(upload="")), servers.empty(now)
    if isinstance(victim, str) or unfit:
        pulse.keep(False)
        st.warning(trouble.plain(victim if isinstance(victim, str) else unfit), icon=":material/block:")
        return
    now = now.replace(upload="")
    found = known.attacked([now], lambda s: {"read": s}, victim.truth)[0]["read"]
    sent, job, why = look.look(now)
    pulse.keep(any(one is not None and one.active for one in (found.job, job)))
    shown = _remembered(now, found)
    said = words.finding(now, found, shown, None if sent is None else sent.expected)
    st.markdown(f"## {trouble.plain(said)}", help=glossary.of(said))
    with st.container(horizontal=True, gap="medium", key="server-top"):
        with st.container(width="stretch", key="server-read"):
            _read(now, found, shown, victim)
        with st.container(width=380, key="server-sent"):
            _sent(sent, job, why)
    if sent is not None:
        with more.figures("every detector, its score and its threshold", "detectors"):
            verdict.table(sent)
    hiding.draw(now.server.name)
    sums.draw()
    with more.figures("all defenses against all servers", "grid", (grid.VIEW, ""), ("defended", "")):
        grid.draw()
    _scenes()
    st.code(now.text(), language=None, wrap_lines=True)


def _scenes() -> None:
    st.markdown("## Cases to try")
    with st.container(horizontal=True, gap="medium", key="server-scenes"):
        for place, scene in enumerate(servers.SCENES):
            with st.container(border=True, width=230):
                show = functools.partial(state.open_scenario, Scenario.parse(scene.scenario))
                press.button(scene.title, f"scene/{place}", show, shows=sight.TOP, type="tertiary", width="stretch")
                st.caption(scene.lesson)


def _sent(sent: look.Sent | None, job: Job | None, why: str) -> None:
    """What the server changed, and whether the client can notice; or why that is not known."""
    if sent is not None:
        weights.draw(sent)
        verdict.draw(sent)
        return
    st.markdown("### What the server changed")
    st.caption(f":material/block: {trouble.plain(why)}" if why else trouble.plain(waiting(job, "look at the net")))


def _read(now: Scenario, found: known.AttackOutcome, shown: Shown, victim: Victim) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="server-run"):
        going = found.job is not None and found.job.active
        label = "It is reading ..." if going else "Let it read" if found.left else "It has read"
        icon = ":material/play_arrow:" if going or found.left else ":material/check:"
        hint = asking.WORKS if found.left else "Change anything to let it read again."
        kind = "primary" if found.left else "secondary"
        press.button(label, "read", lambda: asking.start([found]), icon=icon, type=kind, disabled=not found.left, help=hint)
        asking.stop_all([found])
        st.caption(waits(found.job) or _took(found))
    tiles.draw(victim.truth, victim.names, shown)
    if shown.old:
        st.caption(f":material/history: **From before**, made for {shown.old}")
    note = (found.result or {}).get("note", "")
    st.caption(" ".join(part for part in (words.CONDITION, trouble.plain(note), victim.note) if part))
    asking.failed([known.Known(now, "", "", {"read": found}, None, None, victim.truth)], lambda one: one.scenario.server.title)


def _took(found: known.AttackOutcome) -> str:
    if found.result is None:
        return f"{found.scenario.attack.title}: what reads the answer."
    prepared = " · prepared earlier" if found.job is None else ""
    return f"{found.scenario.attack.title} · {found.result['seconds']:.1f} s{prepared}"


def _remembered(now: Scenario, found: known.AttackOutcome) -> Shown:
    """What was read of this very scenario; else what was shown last of the same batch: old results stay until new ones arrive."""
    here = Shown.of(found)
    if here.psnr:
        st.session_state["server shown"] = here
        return here
    last: Shown | None = st.session_state.get("server shown")
    if here.guess is not None or last is None or last.guess is None:
        return here
    if (last.scenario.data, last.scenario.batch) != (now.data, now.batch):
        return here
    return Shown(last.scenario, last.psnr, last.guess, stale.made_for(last.scenario, now) or stale.UNFINISHED)
