"""Prepared results of the page Server: what its first case reads."""

from __future__ import annotations

from pathlib import Path

from ...scenario import Scenario
from ...scenario.families import servers
from . import _results


def make(folder: Path, missing: bool = False) -> None:
    """Write facts.json and arrays.npz; with `missing` only what is not there yet is computed."""
    opening = Scenario.parse(servers.OPENING)
    _results.make(folder, "servers", [(opening, [opening])], scored=(), missing=missing)
