"""From what a person names to jobs and sweeps of the store."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import InvvizError
from ..scenario import Scenario
from ..scenario.kinds import WORK, askable
from ..studies.sweep import MARK, Sweep

if TYPE_CHECKING:
    from ..jobs.store import Job, Store

SHORTEST = 6  # characters of a key that are taken for it
PAGE = 200  # results read at a time
NEWEST = 5  # keys that a message names


@dataclasses.dataclass(frozen=True)
class Asked:
    """One job of a report, and the scenario at which it is looked at: a spectrum holds for many noises."""

    job: Job
    scenario: Scenario


def find(store: Store, names: Sequence[str]) -> tuple[list[Asked], list[Sweep]]:
    """Jobs and sweeps, each once, in the order in which they are named.

    Args:
        store: where they are.
        names: keys, their beginnings of at least 6 characters, scenarios or sweeps as text.

    Raises:
        InvvizError: a name that is unknown or fits several; says which ones there are.
        TextError: a scenario that cannot be read.
    """
    if not names:
        raise InvvizError(f"Name a result: its key, the beginning of one, or a scenario.\n{known(store)}")
    sweeps = {sweep.key: sweep for text in store.sweeps() if (sweep := _read(text))}
    jobs: dict[tuple[str, str], Asked] = {}
    chosen: dict[str, Sweep] = {}
    for name in (n.strip() for n in names):
        if "=" in name and MARK not in name:
            found: Asked | Sweep | list[Asked] = _of_scenario(store, name)
        else:
            found = Sweep.parse(name) if "=" in name else _of_key(store, name, sweeps)
        if isinstance(found, Sweep):
            chosen[found.key] = found
            continue
        for one in found if isinstance(found, list) else [found]:
            jobs.setdefault((one.job.key, one.scenario.text() if WORK[one.job.kind].spectrum else ""), one)
    return list(jobs.values()), list(chosen.values())


def _read(text: str) -> Sweep | None:
    try:
        return Sweep.parse(text)
    except InvvizError:  # of another version, which knew other parts
        return None


def _of_scenario(store: Store, text: str) -> list[Asked]:
    """What there is of a scenario: attack, spectrum, training."""
    scenario = Scenario.parse(text)
    keys = {scenario.key(kind): kind for kind in askable() if WORK[kind].listed}
    jobs = store.jobs(list(keys))
    if not jobs:
        raise InvvizError(
            f"Nothing was computed here of {scenario.text()}. Open it in the Lab, or make it part of a sweep; `run`, `risk` and `train` on the "
            f"command line print their result and keep none.\n{known(store)}"
        )
    return [Asked(jobs[key], scenario if WORK[kind].spectrum else scenario.only(kind)) for key, kind in keys.items() if key in jobs]


def _of_key(store: Store, name: str, sweeps: dict[str, Sweep]) -> Asked | Sweep:
    """The one job or sweep with this key, or whose key begins so."""
    if name in sweeps:
        return sweeps[name]
    if job := store.job(name):
        return _asked(job)
    if not re.fullmatch("[0-9a-f]+", name):
        raise InvvizError(
            f"{name!r} is neither a key (letters a to f and digits) nor a scenario (with a =, as in data=digits).\n{known(store)}"
        )
    if len(name) < SHORTEST:
        raise InvvizError(f"{name!r} is too short for the beginning of a key: write at least {SHORTEST} characters.\n{known(store)}")
    fits = {row["key"]: f"{row['kind']}  {_short(row['scenario'])}" for row in _rows(store) if row["key"].startswith(name)}
    fits |= {key: f"sweep  {sweep.text()}" for key, sweep in sweeps.items() if key.startswith(name)}
    fits |= _jobs_of_sweeps(store, sweeps, name)
    if not fits:
        raise InvvizError(
            f"No result has a key that begins with {name!r}. What failed or still waits outside of a sweep is found by its whole key.\n{known(store)}"
        )
    if len(fits) > 1:
        lines = "\n".join(f"  {key}  {words}" for key, words in fits.items())
        raise InvvizError(f"{name!r} is the beginning of {len(fits)} keys; write more of the one that you mean:\n{lines}")
    key = next(iter(fits))
    if key in sweeps:
        return sweeps[key]
    job = store.job(key)
    if job is None:
        raise InvvizError(f"The result {key} is gone: somebody removed it just now.")
    return _asked(job)


def _jobs_of_sweeps(store: Store, sweeps: dict[str, Sweep], name: str) -> dict[str, str]:
    """Jobs of sweeps whose keys begin so, with or without a result."""
    keys = {key for sweep in sweeps.values() for key in sweep.jobs if key.startswith(name)}
    return {key: f"{job.kind}  {_short(job.scenario)}" for key, job in store.jobs(sorted(keys)).items()} if keys else {}


def _asked(job: Job) -> Asked:
    try:
        return Asked(job, Scenario.parse(job.scenario))
    except InvvizError as err:
        raise InvvizError(
            f"The result {job.key} was written by another version of invviz, and its scenario cannot be read here: {err}"
        ) from err


def _rows(store: Store) -> Iterator[dict[str, Any]]:
    offset = 0
    while rows := store.results(limit=PAGE, offset=offset):
        yield from rows
        offset += len(rows)


def known(store: Store) -> str:
    """How many results there are, and the newest of them."""
    rows = store.results(limit=PAGE)
    if not rows:
        return f"The store {store.path} holds no results yet. Pages fill it, and so does `python -m invviz sweep`; --set store=DIR names another one."
    count = f"{len(rows)}" if len(rows) < PAGE else f"{PAGE} or more"
    lines = [f"  {row['key']}  {row['kind']:<5}  {_age(row['finished'])}  {_short(row['scenario'])}" for row in rows[:NEWEST]]
    sweeps = [f"  {sweep.key}  sweep  {sweep.text()}" for text in store.sweeps()[:2] if (sweep := _read(text))]
    return "\n".join([f"The store {store.path} holds {count} results; the newest are", *lines, *sweeps])


def _age(finished: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(finished)) if finished else ""


def _short(text: str) -> str:
    try:
        return Scenario.parse(text).text()
    except InvvizError:
        return text
