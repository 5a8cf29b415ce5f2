"""What comes of a job of each kind, as the store keeps it: the functions that `scenario.kinds` names."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.version import __version__
from ...engine.assess import assess
from ...engine.attack import run
from ...engine.bits import count
from ...engine.client import Site, meet_client
from ...engine.client_risk import client_risks
from ...engine.inspect import inspected
from ...engine.label_inference import returned
from ...engine.planted import planted
from ...engine.results import Reporter
from ...engine.training import train
from ...scenario import Scenario
from ...scenario.kinds import Kind
from ..store import Save


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """What comes of a job: numbers and words, arrays, and whether it was stopped early."""

    result: dict[str, Any] | None  # None where it was stopped before there was anything
    arrays: Mapping[str, np.ndarray]
    stopped: bool = False
    save: Save | None = None  # writes the arrays, where the store keeps them in a form of their own


def attacked(scenario: Scenario, site: Site, report: Reporter, picture: np.ndarray | None) -> Outcome:
    """Of an attack."""
    found = run(scenario, site, report, picture)
    return Outcome(found.to_json(), {"truth": found.truth, "guess": found.guess}, found.stopped)


def learned(scenario: Scenario, site: Site, report: Reporter, picture: np.ndarray | None) -> Outcome:
    """Of a training."""
    found = train(scenario, site, report)
    return Outcome(found.to_json(), {}, found.stopped)


def told_labels(scenario: Scenario, site: Site, report: Reporter, picture: np.ndarray | None) -> Outcome:
    """Of labels that a party tells from returned gradients."""
    return Outcome({"key": scenario.key("labels"), **returned(scenario, site, report).to_json()}, {})


def looked_at(scenario: Scenario, site: Site, report: Reporter, picture: np.ndarray | None) -> Outcome:
    """Of what a client's detectors say."""
    start = time.monotonic()
    client = meet_client(scenario, site, report, picture)
    found, changed = inspected(scenario, site, client), planted(scenario, client)
    facts = {**_head("inspect", scenario), **found.to_json(), "planted": changed.facts(), "expected": changed.expected, **_tail(start)}
    return Outcome(facts, {"rows": changed.rows, "beside_rows": changed.beside_rows})


def dealt(scenario: Scenario, site: Site, report: Reporter, picture: np.ndarray | None) -> Outcome:
    """Of the risk of every client."""
    start = time.monotonic()
    rows = client_risks(scenario, site, report)
    return Outcome({**_head("clients", scenario), "clients": rows, **_tail(start)}, {})


def counted(scenario: Scenario, site: Site, report: Reporter, picture: np.ndarray | None) -> Outcome:
    """Of the alternatives of words."""
    start = time.monotonic()
    found = count(scenario, site, report, picture=picture)
    return Outcome({**_head("bits", scenario), **found.facts(), **_tail(start)}, {"truth": found.truth, "gram": found.gram})


def assessed(scenario: Scenario, site: Site, report: Reporter, picture: np.ndarray | None) -> Outcome:
    """Of a spectrum."""
    return _spectrum("risk", scenario, site, report, picture)


def sketched(scenario: Scenario, site: Site, report: Reporter, picture: np.ndarray | None) -> Outcome:
    """Of the first sketch of one."""
    return _spectrum("sketch", scenario, site, report, picture)


def _spectrum(kind: Kind, scenario: Scenario, site: Site, report: Reporter, picture: np.ndarray | None) -> Outcome:
    start = time.monotonic()
    found = assess(scenario, site, report, picture, first=kind == "sketch")
    spectrum = found.decomposition
    own = {"truth": found.truth, "labels": found.labels}
    facts = {
        "n": spectrum.size,
        "p": spectrum.num_message,
        **found.facts(),
        "labels": found.labels.tolist(),
        "data_note": found.data_note,
    }

    def save(folder: Path) -> None:
        spectrum.save(folder)
        for name, array in own.items():
            np.save(folder / f"{name}.npy", array)

    return Outcome({**_head(kind, scenario), **facts, **_tail(start)}, {**spectrum.arrays(), **own}, save=save)


def _head(kind: Kind, scenario: Scenario) -> dict[str, Any]:
    return {"scenario": scenario.only("risk" if kind == "sketch" else kind).text(full=True), "key": scenario.key(kind)}


def _tail(start: float) -> dict[str, Any]:
    return {"seconds": round(time.monotonic() - start, 3), "version": __version__}
