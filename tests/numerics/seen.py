"""A client, what an attacker sees of it, and how well an attack did."""

from __future__ import annotations

from pathlib import Path

from invviz.core.types import Observation
from invviz.engine.client import Client, Site, meet_client
from invviz.engine.observe import observe
from invviz.engine.results import Result
from invviz.scenario import Scenario

SITE = Site(None, Path("/nonexistent"), "cpu")


def seen_by(text: str) -> tuple[Scenario, Client, Observation]:
    """The scenario, its client, and what the attacker is handed."""
    scenario = Scenario.parse(text)
    client = meet_client(scenario, SITE)
    return scenario, client, observe(scenario, client)


def psnr(found: Result) -> float:
    """Of the first sample, in dB; 0 where there is none."""
    return (found.scores["psnr"] or [0.0])[0]
