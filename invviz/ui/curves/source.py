"""What the Curves page can show: studies that are shipped, and sweeps that were asked for on this machine."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ...charts.thumbs import thumb
from ...core.errors import InvvizError
from ...studies import plans
from ...studies.sweep import MARK, MOST, Progress, Sweep, progress, split, table
from ..session import station

CELLS = 2_000  # of a sweep that is launched from the page: reading one takes about a second, in which nobody else's page moves
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
        rows: as `invviz.studies.sweep.table` makes them.
        truths: pictures as data addresses, by number.
        guesses: the same by the key of the run.
        stamp: another one whenever the table is.
        sweep: where it is one of this machine.
        look: at the jobs of that sweep.
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
    look: Look | None = None

    @property
    def active(self) -> bool:
        """Whether jobs of it wait or run."""
        return self.look is not None and self.look.active


@dataclasses.dataclass(frozen=True)
class Look:
    """What one look at the jobs of a sweep has found: they may be tens of thousands, so they are not gone through at every drawing.

    Attributes:
        told: how far the sweep is.
        active: whether jobs of it wait or run.
        failed: how many jobs have.
        missing: how many jobs have no result.
        stamp: another one whenever what is finished is.
    """

    told: Progress
    active: bool
    failed: int
    missing: int
    stamp: str


def listed() -> dict[str, str]:
    """Titles of all that can be chosen, by name: shipped studies first, then own sweeps, newest first."""
    shipped = plans.load()
    found = {name: study.title for name, study in shipped.items()}
    inside = {text for study in shipped.values() for text in study.sweeps}
    for text in station().store.sweeps():
        if text not in inside:
            found[key_of(text)] = f"Own: {in_short(text)}"
    return found


def key_of(text: str) -> str:
    """The key of a sweep that stands in the store as this text, without reading it."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@functools.lru_cache(maxsize=256)
def in_short(text: str) -> str:
    """A sweep's text as a label: data, model and how many values each axis has.

    Example:
        >>> in_short("data=digits(index=3)&model=mlp&attack=dlg | seed=0,1 | defense=none,pruning(fraction=0.5)")
        'digits, mlp; seed x2, defense x2'
    """
    base, *axes = text.split(f" {MARK} ")
    parts = dict(part.split("=", 1) for part in base.split("&") if "=" in part)
    named = ", ".join(re.sub(r"\(.*", "", parts[name]) for name in ("data", "model") if name in parts)
    counts = [f"{a.partition('=')[0]} x{len(split(a.partition('=')[2], ','))}" for a in axes if not a.startswith("what=")]
    return f"{named}; {', '.join(counts)}" if counts else named


def opened(name: str) -> Shown:
    """A study or a sweep by its name.

    Raises:
        InvvizError: the sweep's text cannot be read any more, or the store cannot.
    """
    shipped = plans.load()
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
    look = look_at(sweep)
    rows, stamp = _rows_of(sweep, look)
    return Shown(name, f"Own: {in_short(text)}", sweep.command(), (text,), {}, rows, {}, {}, stamp, sweep, look)


@st.cache_resource(max_entries=16, show_spinner=False)
def read(text: str, most: int = MOST) -> Sweep:
    """A sweep from its text, with its cells; an error names how many are taken."""
    sweep = Sweep.parse(text, most)
    keys_of(sweep)
    return sweep


def keys_of(sweep: Sweep) -> list[str]:
    """Keys of its jobs, each once."""
    return list(sweep.jobs)


def look_at(sweep: Sweep) -> Look:
    """The jobs of a sweep that the store knows; the more there are, the rarer they are asked for."""
    looks: dict[str, tuple[float, float, Look]] = st.session_state.setdefault("sweep looks", {})  # when, seconds that it took
    start, last = time.monotonic(), looks.get(sweep.key)
    if last is None or start - last[0] > max(LOOK[last[2].active], ROOM * last[1]):
        jobs = list(station().store.jobs(keys_of(sweep)).values())
        states = "".join(f"{job.key}{job.state}{job.finished}" for job in jobs if not job.active)
        told = progress(jobs, len(keys_of(sweep)), station().num_workers)
        failed, done = (sum(job.state == state for job in jobs) for state in ("failed", "done"))
        look = Look(told, any(job.active for job in jobs), failed, told.total - done, hashlib.sha256(states.encode()).hexdigest()[:20])
        looks.clear()
        looks[sweep.key] = last = time.monotonic(), time.monotonic() - start, look
    return last[2]


def look_again() -> None:
    """Something was queued or stopped: what is known of jobs is old."""
    st.session_state.pop("sweep looks", None)


def _rows_of(sweep: Sweep, look: Look) -> tuple[Table, str]:
    """The table and its stamp; while the sweep runs, a new one only now and then."""
    stamp = look.stamp
    kept = st.session_state.get("sweep table")  # name, stamp, when, seconds that it took
    if kept and kept[0] == sweep.key and look.active and time.monotonic() - kept[2] < max(CALM, ROOM * kept[3]):
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
