"""What the Risk page sets side by side: pictures, models, layers or rounds, each a scenario of its own, scored the quickest way."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from ...core.errors import InvvizError
from ...jobs.limits import risk_problems
from ...jobs.store import Job
from ...scenario import Scenario
from ...scenario.families import comparisons
from ...studies import gallery
from .. import look
from ..session import session, station
from ..sources import behind, is_of, join, leave_comparison
from ..victim import victim_of
from ..views import Figures, RiskView, view_of

COUNTS = ("12", "24", "48", "96")
SHOWN = 4  # pictures of a batch, in its thumbnail


@dataclasses.dataclass(frozen=True, eq=False)
class Item:
    """One of the compared things."""

    label: str
    scenario: Scenario
    truth: Callable[[], np.ndarray]  # the batch that it is scored on, (b, c, h, w)
    pictures: np.ndarray | None = None  # the first of the batch, where pictures are compared
    note: str = ""

    @functools.cached_property
    def key(self) -> str:
        """Of its spectrum."""
        return self.scenario.key("risk")


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """What is compared, and why something that was asked for is not."""

    items: list[Item]
    left_out: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """One of the compared things, with its spectrum, or the job that is after it."""

    item: Item
    view: RiskView | None
    job: Job | None
    rough: RiskView | None = None  # a first sketch, while there is no spectrum; no finding rests on it

    @functools.cached_property
    def sigma(self) -> float:
        """All noise on a message entry."""
        assert self.view is not None
        return self.view.sigma(self.item.scenario)

    @functools.cached_property
    def figures(self) -> Figures:
        """Its scores at that noise."""
        assert self.view is not None
        return self.view.figures(self.sigma)


def comparison(now: Scenario, axis: str, count: int) -> Comparison:
    """What is compared, in the order in which it is computed.

    Args:
        now: the scenario on the screen; everything but the compared axis is taken from it.
        axis: one of compare.AXES.
        count: how many pictures.
    """
    if axis == "pictures":
        return _pictures(now, count)
    victim = victim_of(comparisons.sketched(now))
    if isinstance(victim, str):
        return Comparison([], [victim])
    truth = lambda: victim.truth  # noqa: E731
    wanted = {"rounds": comparisons.over_rounds, "models": comparisons.models, "layers": comparisons.layered}[axis](now)
    refused = list(dict.fromkeys(words for s in wanted for words in risk_problems(s)))
    fitting = [s for s in wanted if not risk_problems(s)]
    if axis == "rounds":
        items = [Item("1 round" if s.rounds == 1 else f"{s.rounds} rounds", s, truth) for s in fitting]
    elif axis == "models":
        items = [Item(_named(s), s, truth) for s in fitting]
    else:
        items = [item for whole in fitting for item in _layers(whole, truth)]
    return Comparison(items, refused)


def scored(wanted: Sequence[Item], now: Scenario) -> list[Scored]:
    """Each with its spectrum; those that are missing are queued, and what is no longer compared is not waited for any more.

    Args:
        wanted: what is compared.
        now: what is open on the screen.
    """
    store, visitor, found = station().store, session(), []
    leave_comparison([item.key for item in wanted])
    jobs = store.jobs([item.key for item in wanted if item.key not in gallery.sketches()])
    views = {item.key: _opened(item, jobs.get(item.key)) for item in wanted}
    missing = [item for item in wanted if views[item.key] is None]
    jobs |= store.jobs([item.key for item in missing if item.key in jobs])  # what was found damaged has failed now
    if missing and not visitor.gone:
        for item in missing:
            job = jobs.get(item.key)
            if (job is None or job.state in ("done", "stopped", "pruned")) and behind(item.scenario):
                visitor.joined.add(item.key)
        jobs = store.jobs([item.key for item in missing])
        for item in missing:
            join(item.scenario, jobs.get(item.key))
    visitor.compared = {item.key for item in missing}
    for item in wanted:
        view = views[item.key]
        found.append(Scored(item, view, None if view else jobs.get(item.key)))
    rough = look.sketches({row.item.scenario: row.item.truth for row in found if row.job and row.job.active}, beside=[now.key("sketch")])
    return [dataclasses.replace(row, rough=rough.get(row.item.scenario)) for row in found]


def retry(failed: Sequence[Scored]) -> None:
    """A person wants what failed to be tried again."""
    for row in failed:
        behind(row.item.scenario)


def _opened(item: Item, job: Job | None) -> RiskView | None:
    """A spectrum that is ready, from the gallery or the store."""
    if item.key in gallery.sketches():
        return _prepared(item.key)
    return _from_store(item.key, job.finished, item.truth) if job is not None and job.state == "done" else None


@st.cache_resource(max_entries=200, show_spinner=False)
def _prepared(key: str) -> RiskView:
    return view_of(*gallery.sketches()[key], np.zeros(0))


@st.cache_resource(max_entries=400, show_spinner=False)
def _from_store(key: str, made: float | None, _truth: Callable[[], np.ndarray]) -> RiskView | None:
    """A result by its key and the time at which it was made; one of another copy of the data set is forgotten."""
    store = station().store
    result = store.result(key) if store.whole(key) else None
    if result is None:
        store.forget(key)
    if result is None or not is_of(_truth(), store, key):
        return None
    spectrum = store.spectrum(key)
    return None if spectrum is None else view_of(spectrum, result, np.zeros(0))


def _pictures(now: Scenario, count: int) -> Comparison:
    if found := risk_problems(comparisons.sketched(now)):
        return Comparison([], found)
    try:
        samples = now.data.load(station().site.data_dir)
    except InvvizError as err:
        return Comparison([], [str(err)])
    total = len(samples.victims)
    places = list(range(min(count, total)))
    places += [now.data.index] if len(places) <= now.data.index < total else []
    rows = [[(place + i) % total for i in range(now.batch)] for place in places]
    needed = sorted({i for row in rows for i in row[:SHOWN]})
    images, labels = samples.victims.take(needed)
    shown = {i: (image, _class(samples.class_names, int(k))) for i, image, k in zip(needed, images, labels, strict=True)}
    items = []
    for row, scenario in zip(rows, comparisons.pictures(now, places), strict=True):
        names = list(dict.fromkeys(shown[i][1] for i in row[:SHOWN]))
        span = f"{row[0]}" if len(row) == 1 else f"{row[0]} to {row[-1]}"
        label = f"{span} · {', '.join(names[:2])}" + (" ..." if len(names) > 2 or len(row) > SHOWN else "")
        items.append(Item(label, scenario, functools.partial(_batch, scenario, samples), np.stack([shown[i][0] for i in row[:SHOWN]])))
    return Comparison(items)


def _batch(scenario: Scenario, samples: Any) -> np.ndarray:
    return scenario.data.victims(samples, scenario.batch)[0]


def _class(names: Sequence[str], label: int) -> str:
    return names[label] if label < len(names) else str(label)


def _named(scenario: Scenario) -> str:
    return scenario.model.title + (", trained" if scenario.model.init == "trained" else "")


def _layers(whole: Scenario, truth: Callable[[], np.ndarray]) -> list[Item]:
    """The whole message, then its layers, whose names are known once the whole is scored."""
    name = whole.model.name + (", trained" if whole.model.init == "trained" else "")
    first = Item(f"{name}: whole message", whole, truth)
    view = _opened(first, station().store.job(first.key))
    counts = dict(view.layers) if view else {}
    parts = comparisons.layers(whole, list(counts))
    return [first] + [Item(f"{name}: layer {s.layer_name}", s, truth, note=f"{counts[s.layer]:,} numbers") for s in parts]
