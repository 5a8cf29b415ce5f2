"""What the Curves page can show: studies that are shipped, and sweeps that were asked for on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ... import studies
from ...core.errors import InvvizError
from ...plots.thumbs import thumb
from ...store import Job
from ...sweep import MARK, Progress, Sweep, progress, table
from ..session import station

CALM = 5.0  # seconds for which a table of a sweep that runs is kept: a chart that is drawn anew flickers
ROOM = 10  # times what reading a table takes
LOOK = {True: 1.0, False: 8.0}  # seconds between two looks at the jobs of a sweep that runs, or not
Table = Any


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """A study or a sweep with its table.

    Attributes:
        name: in the address: a study's, or the key of a sweep.
        title: for people.
        command: that computes it again.
        lines: sweeps as texts.
        facts: date, machine and more; empty for a sweep of this machine.
        rows: as `invviz.sweep.table` makes them.
        truths: pictures as data addresses, by number.
        guesses: the same by the key of the run.
        stamp: another one whenever the table is.
        sweep: where it is one of this machine.
        jobs: of that sweep, as far as the store knows them.
    """

    name: str
    title: str
    command: str
    lines: tuple[str, ...]
    facts: Mapping[str, Any]
    rows: Table
    truths: Mapping[int, str]
    guesses: Mapping[str, str]
    stamp: str
    sweep: Sweep | None = None
    jobs: Mapping[str, Job] = dataclasses.field(default_factory=dict)

    @property
    def progress(self) -> Progress | None:
        """How far the sweep is; None for a study."""
        if self.sweep is None:
            return None
        return progress(list(self.jobs.values()), len(keys_of(self.sweep)), station().hands)

    @property
    def active(self) -> bool:
        """Whether jobs of it wait or run."""
        return any(job.active for job in self.jobs.values())


def listed() -> dict[str, str]:
    """Titles of all that can be chosen, by name: shipped studies first, then own sweeps, newest first."""
    shipped = studies.load()
    found = {name: study.title for name, study in shipped.items()}
    inside = {text for study in shipped.values() for text in study.sweeps}
    for text in station().store.sweeps():
        if text not in inside:
            found[key_of(text)] = f"Own: {in_short(text)}"
    return found


def key_of(text: str) -> str:
    """The key of a sweep that stands in the store as this text, without reading it."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def in_short(text: str) -> str:
    """A sweep's text as a label: data, model and how many values each axis has.

    Example:
        >>> in_short("data=digits(index=3)&model=mlp&attack=dlg | seed=0,1 | defense=none,pruning(fraction=0.5)")
        'digits, mlp; seed x2, defense x2'
    """
    base, *axes = text.split(f" {MARK} ")
    parts = dict(part.split("=", 1) for part in base.split("&") if "=" in part)
    named = ", ".join(re.sub(r"\(.*", "", parts[name]) for name in ("data", "model") if name in parts)
    counts = [f"{a.partition('=')[0]} x{_values(a.partition('=')[2])}" for a in axes if not a.startswith("what=")]
    return f"{named}; {', '.join(counts)}" if counts else named


def _values(text: str) -> int:
    """How many values a list has; commas in brackets separate knobs."""
    return 1 + len(re.findall(r",(?![^(]*\))", text))


def opened(name: str) -> Shown:
    """A study or a sweep by its name.

    Raises:
        InvvizError: the sweep's text cannot be read any more, or the store cannot.
    """
    shipped = studies.load()
    if name in shipped:
        study = shipped[name]
        stamp = f"{study.facts.get('date')} {len(study.rows)}"
        return Shown(
            name, study.title, study.command, study.sweeps, study.facts, study.rows, study.truths, study.guesses, f"{id(study)} {stamp}"
        )
    text = next((text for text in station().store.sweeps() if key_of(text) == name), None)
    if text is None:
        raise InvvizError(f"No study and no sweep of this machine is named {name!r}.")
    sweep = read(text)
    jobs = jobs_of(sweep)
    rows, stamp = _rows_of(sweep, jobs)
    return Shown(name, f"Own: {in_short(text)}", sweep.command(), (text,), {}, rows, {}, {}, stamp, sweep, jobs)


@st.cache_resource(max_entries=16, show_spinner=False)
def read(text: str) -> Sweep:
    """A sweep from its text, with its cells."""
    sweep = Sweep.parse(text)
    keys_of(sweep)
    return sweep


def keys_of(sweep: Sweep) -> list[str]:
    """Keys of its jobs, each once."""
    return list(sweep.jobs)


def jobs_of(sweep: Sweep) -> dict[str, Job]:
    """The jobs of a sweep that the store knows; asked for at most once a second, as a sweep may have thousands."""
    looks: dict[str, tuple[float, dict[str, Job]]] = st.session_state.setdefault("sweep looks", {})
    when, jobs = looks.get(sweep.key, (0.0, {}))
    if not when or time.monotonic() - when > LOOK[any(job.active for job in jobs.values())]:
        jobs = station().store.jobs(keys_of(sweep))
        looks.clear()
        looks[sweep.key] = time.monotonic(), jobs
    return jobs


def look_again() -> None:
    """Something was queued or stopped: what is known of jobs is old."""
    st.session_state.pop("sweep looks", None)


def _rows_of(sweep: Sweep, jobs: Mapping[str, Job]) -> tuple[Table, str]:
    """The table and its stamp; while the sweep runs, a new one only now and then."""
    states = "".join(f"{key}{job.state}{job.finished}" for key, job in jobs.items() if not job.active)
    stamp = hashlib.sha256(states.encode()).hexdigest()[:20]
    kept = st.session_state.get("sweep table")  # name, stamp, when, seconds that it took
    running = any(job.active for job in jobs.values())
    if kept and kept[0] == sweep.key and running and time.monotonic() - kept[2] < max(CALM, ROOM * kept[3]):
        stamp = kept[1]
    start = time.monotonic()
    rows = _table(sweep.key, stamp, sweep)
    if not kept or kept[:2] != (sweep.key, stamp):
        st.session_state["sweep table"] = sweep.key, stamp, time.monotonic(), time.monotonic() - start
    return rows, stamp


@st.cache_resource(max_entries=6, show_spinner="Reading the sweep's results ...")
def _table(key: str, stamp: str, _sweep: Sweep) -> Table:
    return table(_sweep, station().store)


def picture(shown: Shown, key: Any, what: str = "guess") -> str:
    """What an attack got ("guess") or its victim ("truth") as a data address; empty where it is not on this machine."""
    if not isinstance(key, str):
        return ""
    if what == "guess" and key in shown.guesses:
        return shown.guesses[key]
    return _stored(key, what, shown.stamp)


@st.cache_data(max_entries=2_000, show_spinner=False)
def _stored(key: str, what: str, stamp: str) -> str:
    found = station().store.arrays(key).get(what)
    return "" if found is None else thumb(found)


def truth(shown: Shown, number: int, keys: Sequence[Any]) -> str:
    """The victim by its number: from the study, or from the first run that kept it."""
    if number in shown.truths:
        return shown.truths[number]
    return next((found for key in keys if (found := picture(shown, key, "truth"))), "")
