"""What the Curves page computes from a table, kept from one run of the page to the next."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import streamlit as st

from ...core.errors import InvvizError
from ...metrics import Baseline
from ...scenario import Scenario
from ...studies.tradeoff import (
    AtDrop,
    Missing,
    Operating,
    Point,
    Volume,
    at_drop,
    baselines,
    missing,
    operating_point,
    points,
    settings,
    volumes,
    word_of,
)
from ..session import station
from .source import Shown

Table = Any
SETTING = {"data": "data", "model": "model", "protocol": "protocol", "train": "training", "batch": "batch"}


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """The rows of one setting of a table, with what tells them from all others."""

    rows: Table
    mark: tuple[str, ...]

    @property
    def like(self) -> Scenario:
        """One of its scenarios: what kind of sample all of them have."""
        return Scenario.parse(str(self.rows["scenario"].iloc[0]))


def choices(shown: Shown) -> list[str]:
    """What the settings of a table are called, by what differs between them; one empty name where there is one setting."""
    found = settings(shown.rows)
    differing = [name for name in SETTING if found[name].nunique(dropna=False) > 1]
    return ["; ".join(f"{SETTING[name]} {getattr(row, name)}" for name in differing) for row in found.itertuples()]


def part(shown: Shown, place: int) -> Part:
    """The rows of one setting, by its place in `choices`."""
    rows, found = shown.rows, settings(shown.rows)
    if len(found) > 1:
        wanted = found.iloc[place]
        for name in SETTING:
            rows = rows[rows[name] == wanted[name]]
    return Part(rows, (shown.name, shown.stamp, str(place)))


def points_of(part: Part, measure: str) -> list[Point]:
    """Every strength of every defense, the undefended point first."""
    return _told(_points(part.mark, measure, part.rows))


def unseen(part: Part) -> dict[int, Baseline]:
    """How good what needs no message is of every victim, by its number."""
    return _unseen(part.mark, part.rows)


def words(part: Part, found: Sequence[Point]) -> dict[Point, str]:
    """For the means of points."""
    return {
        point: _word(part.mark, (point.measure, point.defense, point.strength_name, str(point.strength)), point, part) for point in found
    }


def operating(part: Part, measure: str, budget: float) -> Operating | None:
    """What to use."""
    return _told(_operating(part.mark, measure, budget, part))


def drops(part: Part, measure: str) -> list[AtDrop]:
    """Each defense at equal cost."""
    return _told(_drops(part.mark, measure, part))


def areas(part: Part, measure: str) -> dict[str, Volume] | str:
    """Hypervolume of each defense by its label, or why there is none."""
    classes = Scenario.parse(str(part.rows["scenario"].iloc[0])).data.num_classes
    try:
        return {volume.defense: volume for volume in volumes(points_of(part, measure), 1 / classes)}
    except InvvizError as err:
        return str(err)


def lacking(shown: Shown) -> list[Missing]:
    """What failed, waits or does not fit, of all settings."""
    return _missing(shown.name, shown.stamp, shown.rows)


def _told(found: Any) -> Any:
    """An error that was kept is raised anew."""
    if isinstance(found, InvvizError):
        raise found
    return found


@st.cache_resource(max_entries=60, show_spinner=False)
def _points(mark: tuple[str, ...], measure: str, _rows: Table) -> list[Point] | InvvizError:
    return _tried(lambda: points(_rows, measure))


@st.cache_resource(max_entries=30, show_spinner=False)
def _unseen(mark: tuple[str, ...], _rows: Table) -> dict[int, Baseline]:
    return baselines(_rows, station().site.data_dir)


@st.cache_data(max_entries=5_000, show_spinner=False)
def _word(mark: tuple[str, ...], at: tuple[str, ...], _point: Point, _part: Part) -> str:
    return word_of(_point, _part.rows, unseen(_part))


@st.cache_resource(max_entries=200, show_spinner=False)
def _operating(mark: tuple[str, ...], measure: str, budget: float, _part: Part) -> Operating | InvvizError | None:
    return _tried(lambda: operating_point(_part.rows, measure, budget, points_of(_part, measure)))


@st.cache_resource(max_entries=60, show_spinner=False)
def _drops(mark: tuple[str, ...], measure: str, _part: Part) -> list[AtDrop] | InvvizError:
    return _tried(lambda: at_drop(_part.rows, measure, known=points_of(_part, measure)))


@st.cache_resource(max_entries=30, show_spinner=False)
def _missing(name: str, stamp: str, _rows: Table) -> list[Missing]:
    return missing(_rows)


def _tried(compute: Any) -> Any:
    try:
        return compute()
    except InvvizError as err:
        return err
