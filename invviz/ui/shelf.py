"""What a page shows of one scenario, asked as a store is asked: computed here, of this tab's own memory, or shipped with the package. For reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from ..jobs.store import Curve, Job, Kind
from ..scenario import Scenario
from . import shipped
from .victim import victim_of

SHIPPED = "Shipped with invviz: it was not computed on this machine."
READY = ("done", "stopped")
NONE = Curve(*(np.zeros(0) for _ in range(5)))


class Shelf:
    """The desk that answers of a scenario (the store; of a picture of one's own the tab's), and where that has no result what came with the package."""

    def __init__(self, scenario: Scenario, store: Any, private: Any) -> None:
        self._scenario, self._store = scenario, store
        self._desk = private if scenario.upload else store
        self._kinds: dict[str, Kind] = {scenario.key(kind): cast("Kind", kind) for kind in ("run", "risk")}
        self.path = store.path

    def sweeps(self) -> list[str]:
        """A scenario is asked about, and no sweep."""
        return []

    def results(self, **how: Any) -> list[dict[str, Any]]:
        """What else there is, for a message."""
        return self._store.results(**how)

    def job(self, key: str) -> Job | None:
        """Of a shipped result one that is done."""
        if not self._is_shipped(key):
            return self._desk.job(key)
        return Job(key, self._kinds[key], self._scenario.only(self._kinds[key]).text(full=True), "done")

    def jobs(self, keys: Sequence[str]) -> dict[str, Job]:
        """Several at once."""
        return {key: job for key in keys if (job := self.job(key)) is not None}

    def whole(self, key: str) -> bool:
        """Shipped results are."""
        return self._is_shipped(key) or self._desk.whole(key)

    def result(self, key: str) -> dict[str, Any] | None:
        """Numbers and words; shipped ones say so."""
        if not self._is_shipped(key):
            return self._desk.result(key)
        facts = self._shipped(key)[1]  # type: ignore[index]
        return facts | {"data_note": " ".join(filter(None, (facts.get("data_note"), SHIPPED)))}

    def results_of(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Several at once, of those that are there."""
        return {key: facts for key in keys if self.job(key) is not None and (facts := self.result(key)) is not None}

    def arrays(self, key: str) -> dict[str, np.ndarray]:
        """Pictures."""
        return self._shipped(key)[0] if self._is_shipped(key) else self._desk.arrays(key)  # type: ignore[index]

    def spectrum(self, key: str) -> Any:
        """Of a shipped one what was kept."""
        return self._shipped(key)[2] if self._is_shipped(key) else self._desk.spectrum(key)  # type: ignore[index]

    def curve(self, key: str) -> Curve:
        """Of an attack of this machine; a shipped one has its trace in its result, or none."""
        return NONE if self._is_shipped(key) else self._desk.curve(key)

    def ideal(self, key: str, sigma: float) -> np.ndarray | None:
        """The ideal attacker's picture of a shipped spectrum, which cannot draw it any more, at the nearest noise that was kept."""
        return self._shipped(key)[3](sigma) if self._is_shipped(key) else None  # type: ignore[index]

    def _is_shipped(self, key: str) -> bool:
        found = self._desk.job(key)
        return (found is None or found.state not in READY) and self._shipped(key) is not None

    def _shipped(self, key: str) -> tuple[dict[str, np.ndarray], dict[str, Any], Any, Any] | None:
        """Pictures, facts, spectrum, what draws the ideal picture; None where nothing came with the package."""
        kind, s = self._kinds.get(key), self._scenario
        if kind is None or s.upload:
            return None
        if kind == "run":
            run = shipped.attack(s, studies=False)
            truth = {} if run is None else self._truth()
            return None if run is None else (truth | {"guess": run.guess}, run.result, None, None)
        risk = shipped.spectrum(s, lambda: self._truth().get("truth", np.zeros(0)), whole=False)
        if risk is None:
            return None
        facts = {
            "size": risk.size.to_json(), "stages": [stage.to_json() for stage in risk.stages], "trust": risk.trust, "why": risk.why,
            "layers": risk.layers, "solved": risk.solved, "accuracy": risk.accuracy, "decomposition": risk.decomposition.facts(),
        }  # fmt: skip
        return self._truth(), facts, risk.decomposition, risk.draw

    def _truth(self) -> dict[str, np.ndarray]:
        victim = victim_of(self._scenario)
        return {} if isinstance(victim, str) else {"truth": victim.truth}
