"""The page Server: what the client was sent, as it is known: the weights that were planted, and what detectors make of the net."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from ...jobs.limits import too_dear
from ...jobs.store import Job
from ...scenario import Scenario
from .. import shipped, sources
from ..session import session, station

WAITED = "inspection waited for"


@dataclasses.dataclass(frozen=True, eq=False)
class Sent:
    """A look at a received net.

    Attributes:
        result: findings, what was planted, which share of the batch was expected to be read.
        rows, beside_rows: weights that were planted and honest ones, as of `engine.planted.Planted`.
    """

    result: Mapping[str, Any]
    rows: np.ndarray
    beside_rows: np.ndarray

    @property
    def expected(self) -> float | None:
        """Share of the batch that was expected to be read, before any message."""
        return self.result["expected"]

    @property
    def planted(self) -> Mapping[str, Any]:
        """Names, shapes and sizes of both layers."""
        return self.result["planted"]

    @property
    def findings(self) -> Mapping[str, Mapping[str, Any]]:
        """By detector."""
        return self.result["detectors"]

    @property
    def flagged(self) -> list[str]:
        """Detectors that would not have the client answer."""
        return self.result["flagged"]


def look(now: Scenario) -> tuple[Sent | None, Job | None, str]:
    """What is known of the net that this client was sent; what is not known is asked for. With the job that is after it, and why there is none.

    Args:
        now: a scenario whose parts fit.
    """
    if (ready := shipped.results(now, "inspect")) is not None:
        return Sent(ready[1], ready[0]["rows"], ready[0]["beside_rows"]), None, ""
    store, key = station().store, now.key("inspect")
    job = store.job(key)
    if job is not None and job.state == "done" and store.whole(key) and (result := store.result(key)) is not None:
        arrays = store.arrays(key)
        _leave(key)
        return Sent(result, np.array(arrays["rows"]), np.array(arrays["beside_rows"])), None, ""
    if dear := too_dear("inspect", now):
        return None, None, dear
    _leave(key)
    if job is None or job.state in ("done", "stopped", "pruned"):
        sources.ask("inspect", now)
        st.session_state[WAITED] = key
        job = store.job(key)
    sources.join(now, job)
    return None, job, ""


def _leave(key: str) -> None:
    """A look is taken because its scenario is on the screen; one that has left the screen is not waited for any more."""
    old = st.session_state.get(WAITED, "")
    if old and old != key:
        visitor = session()
        visitor.joined.discard(old)
        station().store.stop(old, visitor.name)
        st.session_state[WAITED] = ""


__all__ = ["Sent", "look"]
