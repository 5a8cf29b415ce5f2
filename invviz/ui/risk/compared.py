"""What the Risk page sets side by side: pictures, models, layers or rounds, each a scenario of its own, scored by a sketch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import streamlit as st

from ... import compare, gallery
from ...core.errors import InvvizError
from ...risk import Decomposition
from ...scenario import Scenario
from ...store import Job
from ..session import session, station
from ..sources import RiskView, join, view_of

COUNTS = ("12", "24", "48", "96")


@dataclasses.dataclass(frozen=True, eq=False)
class Item:
    """One of the compared things."""

    label: str
    scenario: Scenario  # scored by a sketch
    picture: np.ndarray | None = None  # (c, h, w), where pictures are compared
    note: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """One of the compared things, with its spectrum, or the job that is after it."""

    item: Item
    view: RiskView | None
    job: Job | None


def items(now: Scenario, axis: str, count: int) -> list[Item]:
    """What is compared, in the order in which it is computed.

    Args:
        now: the scenario on the screen; everything but the compared axis is taken from it.
        axis: one of compare.AXES.
        count: how many pictures.
    """
    if axis == "pictures":
        return _pictures(now, count)
    if axis == "rounds":
        return [Item("1 round" if s.rounds == 1 else f"{s.rounds} rounds", s) for s in compare.over_rounds(now)]
    if axis == "models":
        return [Item(_named(s), s) for s in compare.models(now)]
    return [item for whole in compare.layered(now) for item in _layers(whole)]


def scored(wanted: Sequence[Item]) -> list[Scored]:
    """Each with its spectrum; those that are missing are queued, and what is no longer compared is not waited for any more."""
    store, visitor, found = station().store, session(), []
    keys = [item.scenario.key("risk") for item in wanted]
    for key in visitor.compared - set(keys):
        visitor.joined.discard(key)
        store.stop(key, visitor.name)
    visitor.compared = set()
    for item, key in zip(wanted, keys, strict=True):
        view, job = _opened(key), None
        if view is None and not visitor.gone:
            job = store.job(key)
            if job is None or job.state in ("stopped", "pruned"):
                store.submit("risk", item.scenario, visitor.name)
                job = store.job(key)
            visitor.compared.add(key)
            join(item.scenario, job)
        found.append(Scored(item, view, job))
    return found


def _opened(key: str) -> RiskView | None:
    """A sketch that is ready, from the gallery or the store."""
    if kept := gallery.sketches().get(key):
        return view_of(*kept, np.zeros(0))
    job = station().store.job(key)
    return _from_store(key, job.key) if job is not None and job.state == "done" else None


@st.cache_resource(max_entries=400, show_spinner=False)
def _from_store(key: str, made: str) -> RiskView:
    store = station().store
    result = store.result(key)
    assert result is not None
    return view_of(Decomposition.load(store.folder(key)), result, np.zeros(0))


def _pictures(now: Scenario, count: int) -> list[Item]:
    try:
        samples = now.data.load(station().site.data_dir)
    except InvvizError:
        return []  # said where the picture itself is shown
    places = list(range(min(count, len(samples.victims))))
    places += [now.data.index] if now.data.index not in places else []
    images, labels = samples.victims.take(places)
    names = [samples.class_names[k] if k < len(samples.class_names) else str(k) for k in labels]
    scenarios = compare.pictures(now, places)
    return [Item(f"{i} · {name}", s, image) for i, name, s, image in zip(places, names, scenarios, images, strict=True)]


def _named(scenario: Scenario) -> str:
    return scenario.model.title + (", trained" if scenario.model.init == "trained" else "")


def _layers(whole: Scenario) -> list[Item]:
    """The whole message, then its layers, whose names are known once the whole is scored."""
    view, name = _opened(whole.key("risk")), whole.model.name + (", trained" if whole.model.init == "trained" else "")
    parts = [Item(f"{name}: whole message", whole)]
    counts = dict(view.layers) if view else {}
    return parts + [Item(f"{name}: layer {s.layer}", s, note=f"{counts[s.layer]:,} numbers") for s in compare.layers(whole, list(counts))]
