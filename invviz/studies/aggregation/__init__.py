"""Clients, colluders and noise under secure aggregation, prepared for a slider: the ideal attacker's InvRE and picture at any of them."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

import numpy as np

from ...core.paths import GALLERY
from ...core.shipped import reading
from ...scenario import Scenario

FOLDER = GALLERY / "aggregation"
COMMAND = "python -m invviz.studies.aggregation"
TEXT = "data=digits&model=mlp(width=32,hidden_layers=1,act='tanh')&dtype=float64&aggregation=secure(clients=64)"
NOISES = (0.01, 0.1, 1.0)  # of which the documentation tells
LEVELS = np.geomspace(1e-3, 10, 25)  # noise on the sum over a typical entry of the victim's own message


@dataclasses.dataclass(frozen=True, eq=False)
class Prepared:
    """The ideal attacker on a sum, by noise and by clients that do not collude.

    Attributes:
        scenario: whose sum it is; the number of clients aside.
        noises: standard deviation of the noise on an entry of the sum, over the root mean square of the victim's own message, ascending, (levels,).
        invre: (levels, clients).
        pictures: (levels, clients, c, h, w), in [0, 1], as bytes.
        truth: the victim's picture, (c, h, w).
        equations: p, numbers in the sum.
        unknowns: n, numbers in one client's batch.
        labels: of every client's picture, the victim's first.
    """

    scenario: Scenario
    noises: np.ndarray
    invre: np.ndarray
    pictures: np.ndarray
    truth: np.ndarray
    equations: int
    unknowns: int
    labels: tuple[int, ...]

    @property
    def most(self) -> int:
        """Clients up to which it was prepared."""
        return self.invre.shape[1]

    @property
    def full(self) -> float:
        """K* = p / n: with more clients the sum has fewer equations than unknowns."""
        return self.equations / self.unknowns

    def at(self, clients: int, colluding: int, noise: float) -> tuple[float, np.ndarray]:
        """The ideal attacker under aggregation: InvRE, and its picture (c, h, w) in [0, 1]. Instant, for a slider.

        Between prepared noise levels both are interpolated in the logarithm of the noise (InvRE by PCHIP, off by less than 0.001; pictures linearly); noise beyond the levels is taken for the nearest one.
        Each colluder takes one client away: only `clients - colluding` counts. Local (slopes at the truth, which the attacker is given), and who is who among the clients is given, too:
        an upper bound for a real attacker.

        Args:
            clients: of the round, the victim among them, 1 to `most`.
            colluding: of them, 0 to clients - 1.
            noise: on an entry of the sum, over a typical entry of the victim's own message, above 0.

        Raises:
            ValueError: numbers outside these ranges; says which are allowed.
        """
        if not (1 <= clients <= self.most and 0 <= colluding < clients):
            raise ValueError(
                f"clients={clients}, colluding={colluding}: allowed are 1 to {self.most} clients, of which 0 to {max(clients - 1, 0)} collude."
            )
        place = self._place(noise)
        low = min(int(place), len(self.noises) - 2)
        share, honest = place - low, clients - colluding - 1
        mix = lambda values: (1 - share) * values[low, honest].astype(float) + share * values[low + 1, honest].astype(float)  # noqa: E731
        return float(self._smooth(place)[honest]), mix(self.pictures) / 255

    def _place(self, noise: float) -> float:
        """Where a noise lies between the prepared levels; at an end where it lies beyond them."""
        return float(np.interp(np.log(max(noise, 1e-300)), np.log(self.noises), np.arange(len(self.noises))))

    @functools.cached_property
    def _smooth(self) -> Any:
        """InvRE of every number of clients, at a place between noise levels: monotone, as the levels are."""
        from scipy.interpolate import PchipInterpolator  # slow to import

        return PchipInterpolator(np.arange(len(self.noises)), self.invre, axis=0)

    def curve(self, noise: float, colluding: int = 0) -> list[tuple[int, float]]:
        """(clients, InvRE) for every number of clients above the colluders."""
        invre = self._smooth(self._place(noise))
        return [(clients, float(invre[clients - colluding - 1])) for clients in range(colluding + 1, self.most + 1)]


@functools.lru_cache(maxsize=1)
def prepared() -> Prepared | None:
    """What is shipped; None where it is missing or damaged."""
    with reading(FOLDER, COMMAND):
        facts = json.loads((FOLDER / "facts.json").read_text())
        with np.load(FOLDER / "ideal.npz", allow_pickle=False) as arrays:
            held = {name: arrays[name] for name in ("noises", "invre", "pictures", "truth")}
        equations, unknowns = int(facts["equations"]), int(facts["unknowns"])
        return Prepared(Scenario.parse(facts["scenario"]), **held, equations=equations, unknowns=unknowns, labels=tuple(facts["labels"]))
    return None
