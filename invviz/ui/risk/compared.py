"""What the Risk page sets side by side: pictures, models, layers or rounds, each a scenario of its own, scored the quickest way."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.errors import InvvizError
from ...jobs.limits import risk_problems
from ...jobs.store import Job
from ...scenario import Scenario
from ...scenario.families import comparisons
from .. import look, lookup, sources
from ..session import station
from ..victim import victim_of
from ..views import Figures, RiskView

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
    there = _found(wanted)
    jobs = sources.compare({s: one.job for s, one in there.items() if one.view is None})
    found = [Scored(item, there[item.scenario].view, jobs.get(item.scenario)) for item in wanted]
    rough = look.sketches({row.item.scenario: row.item.truth for row in found if row.job and row.job.active}, beside=[now.key("sketch")])
    return [dataclasses.replace(row, rough=rough.get(row.item.scenario)) for row in found]


def retry(failed: Sequence[Scored]) -> None:
    """A person wants what failed to be tried again."""
    for row in failed:
        sources.behind(row.item.scenario)


def _found(items: Sequence[Item]) -> dict[Scenario, lookup.Found[RiskView]]:
    """What is known of each; figures are enough here."""
    return lookup.spectra({item.scenario: item.truth for item in items}, plain={item.scenario for item in items})


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
    view = _found([first])[whole].view
    counts = dict(view.layers) if view else {}
    parts = comparisons.layers(whole, list(counts))
    return [first] + [Item(f"{name}: layer {s.layer_name}", s, truth, note=f"{counts[s.layer]:,} numbers") for s in parts]
