"""Coloured noise in the risk score: the Jacobian as it is seen through it, and what other strengths of it would do."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from .risk import TAU, Banded, Jacobian, Prior, psnr_of
from .run import wrapped
from .summary import noise_variance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .core.types import Size
    from .defenses import Defense
    from .risk import Colour
    from .run import Client
    from .scenario import Scenario

REACH = 3  # powers of ten that a ladder goes to each side of the scenario's strength
RUNGS = 25


@dataclasses.dataclass(frozen=True, eq=False)
class Shade:
    """A coloured defense at one batch.

    Attributes:
        defense: the last one of the scenario.
        basis: what its covariance is made of.
        colour: that covariance.
        bare: the Jacobian without its noise.
        sigma: standard deviation of all other noise on a message entry.
        norm: of the message.
    """

    defense: Defense
    basis: Any
    colour: Colour
    bare: Jacobian
    sigma: float
    norm: float

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        client: Client,
        jacobian: Jacobian,
        size: Size,
        stages: Sequence[Size],
        progress: Callable[[int, int], bool] | None = None,
    ) -> Shade:
        """The covariance at the client's own batch.

        Args:
            scenario: one with a coloured defense.
            client: the victim.
            jacobian: of the noise-free release.
            size: of its message.
            stages: as in `noise_variance`.
            progress: asked once before the work begins; answering False leaves that to the decomposition after it.
        """
        defense = scenario.coloured
        assert defense is not None
        basis = defense.basis(wrapped(client.bare, scenario.defense[:-1], client.world), client.world, client.batch)
        sigma = (scenario.floor**2 * size.rms**2 + noise_variance(scenario, size, stages)) ** 0.5
        return cls(defense, basis, defense.colour(basis), jacobian, sigma, size.norm)

    @property
    def jacobian(self) -> Jacobian:
        """J through what whitens the noise: to be scored like any other, at isotropic noise of sigma. Source: [D] theory T6."""
        return self.colour.seen_through(self.bare, self.sigma)

    @property
    def energy(self) -> float:
        """Expected squared norm of the noise over that of the message."""
        return self.colour.energy / max(self.norm**2, 1e-300)

    def ladder(self, prior: Prior) -> tuple[tuple[float, float, float], ...]:
        """Strength, PSNR ceiling and energy at other strengths, in closed form; for noise along singular directions and the white prior, else empty.

        With C = tau^2 I every direction stands for itself: InvLoss = sum_i tau^2 (sigma^2 + a_i) / (sigma^2 + a_i + tau^2 s_i^2). Source: [D] T9.
        """
        if prior.name != "white" or not isinstance(self.colour, Banded):
            return ()
        knob, now = self.defense.strength_knob(), float(getattr(self.defense, self.defense.strength))
        low, high = max(knob.low or 0.0, now / 10**REACH), min(knob.high or np.inf, now * 10**REACH)
        found = []
        for strength in np.geomspace(low, high, RUNGS).tolist():
            colour = self.defense.replace(**{self.defense.strength: strength}).colour(self.basis)
            assert isinstance(colour, Banded)
            noise = self.sigma**2 + colour.variances.numpy()
            gains = TAU**2 * colour.directions.values.numpy() ** 2
            loss = TAU**2 * float((noise / (noise + gains)).sum() + prior.size - len(gains))
            found.append((strength, psnr_of(loss / prior.size), colour.energy / max(self.norm**2, 1e-300)))
        return tuple(found)
