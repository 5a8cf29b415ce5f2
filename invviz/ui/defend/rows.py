"""The rows of the Defend page, each with what is known of it, or the jobs that are after it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import streamlit as st

from ... import gallery
from ...risk import Decomposition
from ...scenario import Scenario, problems, risk_problems
from ...store import Job, Kind
from .. import sources
from ..session import session, station
from ..views import RiskView, view_of
from .row import ATTACKERS, Attack, Row

BEHIND = -1  # priority of the spectra of a comparison: what is open on a screen goes first


def prepared(scenario: Scenario, kind: Kind) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Arrays and facts of a result that came with the package, or None.

    Of an attack `guess` and its result as a worker hands it in; of a spectrum what a worker keeps of one, without what draws pictures, and instead `sigmas`
    and `ideals`, the ideal attacker's pictures at a few noise levels.
    """
    if scenario.upload:
        return None
    key = scenario.key(kind)
    if key in gallery.defended():
        return gallery.defended()[key]
    scene = _scenes(kind).get(key) if kind == "run" else None
    return None if scene is None else ({"guess": scene.arrays["guess"]}, scene.result)


def found(scenarios: Sequence[Scenario], truth: np.ndarray, unseen: Collection[Scenario] = ()) -> list[Row]:
    """Every row with what is known of it; missing spectra are queued, attacks are not.

    Args:
        scenarios: one a row.
        truth: the batch that all are about.
        unseen: those of which the ideal attacker's picture is not shown.
    """
    views, waited = _spectra([s for s in scenarios if not risk_problems(s)], truth, unseen)
    keys = [s.replace(attacker=who).key("run") for s in scenarios for who in ATTACKERS]
    jobs = station().store.jobs(keys)
    rows = []
    for s in scenarios:
        attacks = {who: _attack(s.replace(attacker=who), jobs, truth) for who in ATTACKERS}
        rows.append(Row(s, " ".join(problems(s)), " ".join(risk_problems(s)), attacks, views.get(s), waited.get(s), truth))
    return rows


def _attack(scenario: Scenario, jobs: dict[str, Job], truth: np.ndarray) -> Attack:
    key = scenario.key("run")
    job = jobs.get(key)
    sources.join(scenario, job)
    if job is not None and job.state in ("done", "stopped"):
        kept = _result(key, job.finished, truth)
        if kept is not None:
            return Attack(scenario, *kept, job)
    ready = prepared(scenario, "run")
    return Attack(scenario, None, None, job) if ready is None else Attack(scenario, ready[1], _floats(ready[0]["guess"]), job)


def _spectra(
    fitting: Sequence[Scenario], truth: np.ndarray, unseen: Collection[Scenario]
) -> tuple[dict[Scenario, RiskView], dict[Scenario, Job]]:
    """Those that are ready; the others are queued, and what is no longer compared is not waited for any more."""
    store, visitor = station().store, session()
    keys = {s: s.key("risk") for s in fitting}
    views = {s: view for s in fitting if (view := _prepared_view(s)) is not None and (s in unseen or view.can_draw(view.sigma(s)))}
    jobs = store.jobs([keys[s] for s in fitting if s not in views])
    done = {s: jobs[keys[s]] for s in fitting if s not in views and keys[s] in jobs and jobs[keys[s]].state == "done"}
    views |= {s: view for s, job in done.items() if (view := _stored_view(job.key, job.finished, truth)) is not None}
    missing = {s: key for s, key in keys.items() if s not in views}
    if not visitor.gone:
        sources.leave_comparison(list(missing.values()))
        for s, key in missing.items():
            job = jobs.get(key)
            if job is None or job.state in ("done", "stopped", "pruned"):
                store.submit("risk", s, visitor.name, BEHIND)
                visitor.joined.add(key)
        jobs = store.jobs(list(missing.values()))
        for s, key in missing.items():
            sources.join(s, jobs.get(key))
        visitor.compared = set(missing.values())
    return views, {s: jobs[key] for s, key in missing.items() if key in jobs}


@functools.lru_cache(maxsize=2)
def _scenes(kind: Kind) -> dict[str, gallery.Scene]:
    """The Lab's prepared scenes by key; of several with the same key the first."""
    return {scene.scenario.key(kind): scene for scene in reversed(gallery.scenes())}


def _floats(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.float32) / 255 if picture.dtype == np.uint8 else picture


@st.cache_resource(max_entries=300, show_spinner=False)
def _result(key: str, made: float | None, _truth: np.ndarray) -> tuple[dict[str, Any], np.ndarray] | None:
    """An attack's result by its key and the time at which it was made; one of another copy of the data set is forgotten."""
    store = station().store
    result = store.result(key)
    if result is None or not sources.is_of(_truth, store, key):
        return None
    return result, np.array(store.arrays(key)["guess"])


@st.cache_resource(max_entries=40, show_spinner=False)
def _stored_view(key: str, made: float | None, _truth: np.ndarray) -> RiskView | None:
    store = station().store
    result = store.result(key)
    if result is None or not sources.is_of(_truth, store, key):
        return None
    return view_of(Decomposition.load(store.folder(key)), result, _truth)


def _prepared_view(scenario: Scenario) -> RiskView | None:
    kept = gallery.defended().get(scenario.key("risk"))
    if kept is not None:
        return _from_gallery(scenario.key("risk"))
    scene = _scenes("risk").get(scenario.key("risk"))
    if scene is None:
        return None
    return RiskView(scene.decomposition, scene.size, scene.arrays["truth"], scene.ideal, trust=scene.trust)


@st.cache_resource(max_entries=100, show_spinner=False)
def _from_gallery(key: str) -> RiskView:
    arrays, facts = gallery.defended()[key]
    sigmas, pictures = arrays["sigmas"], arrays["ideals"]
    whole = view_of(gallery.kept_spectrum(arrays, facts["decomposition"]), facts, np.zeros(0))

    def draw(sigma: float) -> np.ndarray:
        return _floats(pictures[int(np.abs(sigmas - sigma).argmin())])

    return dataclasses.replace(whole, draw=draw, levels=tuple(float(s) for s in sigmas))
