"""How much of noise along the Jacobian's own directions is better isotropic, at the same cost: the share that leaves the strongest attacker least."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING, Any

from ..core.errors import Cancelled, InvvizError, ScenarioError
from ..core.types import Size
from ..risk import Banded, Directions, Prior, invloss_of, psnr_of, psnr_solved
from ..risk.solved import MOST
from ..scenario import risk_problems
from .client import meet_client
from .results import Event

if TYPE_CHECKING:
    import numpy as np

    from ..scenario import Scenario
    from .client import Site
    from .results import Reporter

KNOB = "isotropic"
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0)
CLOSE = 0.1  # dB: a smaller share of isotropic noise is not taken for less than that


@dataclasses.dataclass(frozen=True)
class Tried:
    """One share, and what attackers are expected to get there, in dB."""

    share: float
    known: float  # one who knows the covariance, as if it did not depend on the picture: the expected best
    solved: float | None  # one who also uses that it does; None where that is nothing or was not computed

    @property
    def strongest(self) -> float:
        """The better of both."""
        return self.known if self.solved is None else max(self.known, self.solved)


@dataclasses.dataclass(frozen=True)
class Choice:
    """The share to use at one strength.

    Attributes:
        tried: all shares, ascending; the first is 0 (as published), the last 1 (plain Gaussian noise).
        best: the one whose strongest attacker gets least, within CLOSE the one with most isotropic noise.
        energy: of the noise over the message's, the same for all of them (water-filling: its cost).
    """

    tried: tuple[Tried, ...]
    best: Tried
    energy: float

    def sentence(self) -> str:
        """The choice in words."""
        first, last, best = self.tried[0], self.tried[-1], self.best
        than = f"{last.strongest:.1f} dB at {KNOB}=1 (plain Gaussian noise of the same cost) and {first.strongest:.1f} dB at {KNOB}=0 (as published)"
        return f"{KNOB}={best.share:g}: the strongest attacker is expected to get {best.strongest:.1f} dB, against {than}."

    def to_json(self) -> dict[str, Any]:
        """Plain figures."""
        rows = [{"isotropic": t.share, "known": t.known, "solved": t.solved, "strongest": t.strongest} for t in self.tried]
        return {"isotropic": self.best.share, "strongest": self.best.strongest, "energy": self.energy, "tried": rows}


def fits(scenario: Scenario) -> str:
    """Why no share is chosen, in words; empty where one is."""
    last = scenario.defense[-1] if scenario.defense else None
    if last is None or last.off or not any(knob.name == KNOB for knob in last.knobs()):
        return f"The last defense has no isotropic share to choose. Name invl_gnp, invl_enp or water_filling last, at a strength that is not {0 if last is None else last.identity:g}."
    inputs = scenario.batch * math.prod(scenario.shape)
    if inputs > MOST:
        return (
            f"What an attacker gets who solves for picture and noise is computed for up to {MOST} input values, as it takes second derivatives along all of them; this "
            f"batch has {inputs:,}. Use smaller pictures or a smaller batch, or set {KNOB}=1, which leaves nothing to solve for."
        )
    return " ".join(risk_problems(scenario))


def choose(scenario: Scenario, site: Site, report: Reporter | None = None, picture: np.ndarray | None = None) -> Choice:
    """The isotropic share at which the strongest attacker is expected to get least, at the scenario's own strength.

    The strongest is the better of the ideal attacker, who knows the covariance at the private picture, and one who solves for picture and noise together
    (`psnr_solved`), both to first order and on average over the prior. Source: [D] theory T10 and T11. No attack is run.

    Args:
        scenario: its last defense has the knob; what that says now plays no part.
        site: where.
        report: progress over shares; answering False stops.
        picture: an uploaded one, if the scenario names one.

    Raises:
        ScenarioError: no share is chosen here; says why.
        InvvizError: of the prior: the data set has no public pictures.
        Cancelled: `report` answered False.
    """
    if why := fits(scenario):
        raise ScenarioError([why])
    if scenario.prior == "dataset":
        raise InvvizError("The share is chosen for the priors white and natural. Set prior=white or prior=natural.")
    start, client, last = time.monotonic(), meet_client(scenario, site, report, picture), scenario.coloured
    assert last is not None  # it has the knob, and is not off
    inner = scenario.defense[:-1].wrap(client.bare, client.world)
    basis = last.basis(inner, client.world, client.batch)
    directions: Directions = getattr(basis, "directions", basis)
    jacobian = directions.jacobian
    prior = Prior(scenario.prior, scenario.shape, scenario.batch, None)
    size = Size.of(jacobian.message)
    sigma = ((scenario.floor * size.rms) ** 2 + scenario.defense.variance(size, scenario.batch)) ** 0.5
    tried = []
    for number, share in enumerate(SHARES):
        covariance = last.replace(**{KNOB: share}).covariance(basis)
        assert isinstance(covariance, Banded)
        tried.append(Tried(share, _known(covariance, sigma, prior), psnr_solved(jacobian, covariance, sigma, prior)))
        if report is not None and not report(Event("shares", number + 1, len(SHARES), time.monotonic() - start)):
            raise Cancelled
    least = min(one.strongest for one in tried)
    best = max((one for one in tried if one.strongest <= least + CLOSE), key=lambda one: one.share)
    return Choice(tuple(tried), best, last.replace(**{KNOB: 1.0}).covariance(basis).energy / max(size.norm**2, 1e-300))


def _known(covariance: Banded, sigma: float, prior: Prior) -> float:
    """Expected PSNR of the ideal attacker. Source: [D] T1."""
    root = covariance.directions.values / (sigma**2 + covariance.even + covariance.variances).sqrt()
    straight = covariance.directions.right * root
    return psnr_of(invloss_of((straight @ straight.T).numpy(), prior) / prior.size)
