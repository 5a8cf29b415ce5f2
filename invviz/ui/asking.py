"""Asking for what is not known yet: attacks side by side, and what is computed once a person presses a button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

from ..core.remaining import in_words
from ..jobs.store import Job, Kind
from ..scenario import Scenario
from . import press
from .known import AttackOutcome, Known
from .session import session, station
from .sources import join
from .trouble import plain

WORKS = "Attacks run in the background, a few at a time; pictures appear as they are found. You may leave the page."

K = TypeVar("K", bound=Known)


def left(listed: Sequence[AttackOutcome]) -> list[AttackOutcome]:
    """The attacks that nobody is at, each once."""
    return list({a.scenario.key("run"): a for a in listed if a.left}.values())


def start(wanted: Sequence[AttackOutcome]) -> None:
    """A person asked for these attacks."""
    visitor, store = session(), station().store
    keys = {a.scenario.key("run"): a.scenario for a in wanted}
    for key, scenario in keys.items():
        store.submit("run", scenario, visitor.name)
        visitor.joined.add(key)
        visitor.left.discard(key)
    visitor.grid |= set(keys)


def stop(keys: set[str]) -> None:
    """They go on where others watch them."""
    visitor, store = session(), station().store
    for key in keys:
        visitor.joined.discard(key)
        visitor.left.add(key)
        store.stop(key, visitor.name)
    visitor.grid -= keys


def run_all(
    listed: Sequence[AttackOutcome], words: str, prominent: bool, then: Callable[[], None] = lambda: None, name: str = "run all"
) -> None:
    """The button that runs what is left of these attacks.

    Args:
        listed: all that are on the screen; those of an earlier screen are stopped.
        words: on the button, before how many are left.
        prominent: whether it is the page's main button.
        then: called once it was pressed.
        name: of the button, where a page has several.
    """
    missing, going = left(listed), _going(listed)
    took = [a.result["seconds"] for a in listed if a.result]
    guess = f", about {in_words(sum(took) / len(took) * len(missing) / station().num_workers)}" if took and missing else ""
    label = f"{words} ({len(missing)} left{guess})" if missing else "Attacks are running" if going else "All attacks are in"

    def act() -> None:
        stop(session().grid - {a.scenario.key("run") for a in listed})
        start(missing)
        then()

    press.button(
        label,
        name,
        act,
        type="primary" if missing and prominent else "secondary",
        icon=":material/play_arrow:" if missing or going else ":material/check:",
        disabled=not missing,
        help=WORKS if missing else "Change anything to run again.",
    )


def stop_all(listed: Sequence[AttackOutcome]) -> None:
    """The button that stops what is running of these attacks, where something is."""
    going = _going(listed)
    if going:
        press.button(f"Stop ({len(going)} to go)", "stop all", lambda: stop(going | session().grid), icon=":material/stop:")


def _going(listed: Sequence[AttackOutcome]) -> set[str]:
    return {a.job.key for a in listed if a.job is not None and a.job.active}


def unscored(now: Scenario, rows: Sequence[Known]) -> None:
    """Why something has no spectrum, each reason once."""
    if now.upload:
        st.caption(":material/info: Your own picture is not compared here: this page uses the data set's pictures.")
    for reason in dict.fromkeys(one.unscored for one in rows if one.unscored):
        st.caption(f":material/block: No ideal attacker and no InvRE: {plain(reason)}")


def failed(rows: Sequence[K], name: Callable[[K], str]) -> None:
    """What failed first, and a button that tries all of it again."""
    found = {job.key: (one, job) for one in rows for job in one.jobs if job.state == "failed"}
    for one, job in list(found.values())[:3]:
        what = "spectrum" if job.kind == "risk" else "attack"
        st.caption(f":material/error: {plain(name(one))}, {what}: {plain(job.error)}")

    def again() -> None:
        for _, job in found.values():
            station().store.submit(job.kind, Scenario.parse(job.scenario), session().name)

    if found:
        press.button("Try failed ones again", "retry all", again, icon=":material/refresh:")


def busy(kind: Kind, scenario: Scenario) -> bool:
    """Whether it is being computed."""
    job = station().store.job(scenario.key(kind))
    return job is not None and job.active


def once(
    kind: Kind, scenario: Scenario, button: str, icon: str, hint: str, progress: Callable[[Job], str], why: str = ""
) -> dict[str, Any] | None:
    """The result of a job that is computed when a person asks for it; until then the button, or how far it is.

    Args:
        kind: of the job.
        scenario: what is computed.
        button: its words.
        icon: of the button.
        hint: what shows where a person pauses on the button.
        progress: words beside the bar.
        why: said above the button.
    """
    store, key = station().store, scenario.key(kind)
    job = store.job(key)
    if job is not None and job.state == "done":
        if store.whole(key) and (result := store.result(key)) is not None:
            return result
        job = store.job(key)  # what was found damaged has failed now
    if why:
        st.caption(why)
    if job is not None and job.active:
        join(scenario, job)
        st.progress(job.done / job.total if job.total else 0.0, progress(job))
        return None
    if job is not None and job.state == "failed":
        st.caption(f":material/error: {plain(job.error)}")
    press.button(button, kind, lambda: store.submit(kind, scenario, session().name), icon=icon, help=hint)
    return None
