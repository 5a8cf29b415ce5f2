"""Coloured noise in the risk score: the Jacobian as it is seen through it, and what other strengths of it would do."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.lazy import torch
from ..core.tree import flatten
from ..defenses import entry_shares, fisher_shares, is_of_parameters
from ..risk import TAU, Banded, Diagonal, Jacobian, Prior, invloss_of, psnr_of, psnr_solved
from .summary import noise_variance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from ..core.types import Size
    from ..defenses import Coloured
    from ..risk import NoiseCovariance
    from ..scenario import Scenario
    from .client import Client

SMALL = 512  # inputs up to which dense matrices take no time

Rung = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True, eq=False)
class ShapedNoise:
    """A coloured defense at one batch.

    Attributes:
        defense: the last one of the scenario.
        basis: what its covariance is made of.
        covariance: that covariance.
        bare: the Jacobian without its noise.
        sigma: standard deviation of all other noise on a message entry.
        norm: of the message.
        shares: what noise of each of the covariance's variances costs in training, 1 being as much as noise in a random direction; None where the message is
            not one of the net's parameters, or there are no public pictures to tell.
    """

    defense: Coloured
    basis: Any
    covariance: NoiseCovariance
    bare: Jacobian
    sigma: float
    norm: float
    shares: Tensor | None = None

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        client: Client,
        jacobian: Jacobian,
        size: Size,
        stages: Sequence[Size],
    ) -> ShapedNoise:
        """The covariance at the client's own batch.

        Args:
            scenario: one with a coloured defense.
            client: the victim.
            jacobian: of the noise-free release.
            size: of its message.
            stages: as in `noise_variance`.
        """
        defense = scenario.coloured
        assert defense is not None
        basis = defense.basis(scenario.defense[:-1].wrap(client.bare, client.world), client.world, client.batch)
        sigma = (scenario.floor**2 * size.rms**2 + noise_variance(scenario, size, stages)) ** 0.5
        covariance, world = defense.covariance(basis), client.world
        shares = None
        if len(world.public) and is_of_parameters(jacobian.message, world.net):
            shares = (
                fisher_shares(covariance.directions, world) if isinstance(covariance, Banded) else entry_shares(jacobian.message, world)
            )
        return cls(defense, basis, covariance, jacobian, sigma, size.norm, shares)

    @property
    def jacobian(self) -> Jacobian:
        """J through what whitens the noise: to be scored like any other, at isotropic noise of sigma. Source: [D] theory T6."""
        return self.covariance.seen_through(self.bare, self.sigma)

    def cost(self, covariance: NoiseCovariance) -> tuple[float, float]:
        """Energy of the noise, E ||n||^2 / ||m||^2, and its harm to training: the energy of isotropic noise that would raise the loss as much.

        To second order noise raises the loss by a share of tr(F Sigma), F the Fisher matrix on public pictures. NaN where that is not known. Source: [D].
        """
        square = max(self.norm**2, 1e-300)
        even = covariance.even * self.bare.shape[0]  # harms like isotropic noise, which is the measure
        harm = math.nan if self.shares is None else (float(_variances(covariance) @ self.shares) + even) / square
        return covariance.energy / square, harm

    def solved(self, prior: Prior, progress: Callable[[int, int], bool] | None = None) -> float | None:
        """See `risk.psnr_solved`; None for noise that does not lie in the tangent space."""
        if not (self.defense.tangent_noise and isinstance(self.covariance, Banded)):
            return None
        return psnr_solved(self.bare, self.covariance, self.sigma, prior, progress)

    def ladder(self, prior: Prior, progress: Callable[[int, int], bool] | None = None) -> tuple[Rung, ...]:
        """Strength, PSNR ceiling, energy and harm at other strengths; empty for noise on entries at more than 512 inputs, where each takes a spectrum of its own.

        Args:
            prior: what the ceilings are averaged over.
            progress: called with (done, total) rungs; answering False leaves the rest out.
        """
        closed, banded = prior.name == "white", isinstance(self.covariance, Banded)
        if not banded and prior.size > SMALL:
            return ()
        loss_of = self._loss_white if closed and banded else self._loss_banded(prior) if banded else self._loss_dense
        knob, now = self.defense.strength_knob(), float(getattr(self.defense, self.defense.strength))
        reach, rungs = (3, 25) if (closed and banded) or prior.size <= SMALL else (2, 9)
        low, high = max(knob.low or 0.0, now / 10**reach), min(knob.high or np.inf, now * 10**reach)
        found: list[Rung] = []
        for strength in np.geomspace(low, high, rungs).tolist():
            if progress is not None and not progress(len(found), rungs):
                break
            covariance = self.defense.replace(**{self.defense.strength: strength}).covariance(self.basis)
            found.append((strength, psnr_of(loss_of(covariance, prior) / prior.size), *self.cost(covariance)))
        return tuple(found)

    def _loss_white(self, covariance: NoiseCovariance, prior: Prior) -> float:
        """With C = tau^2 I every direction stands for itself: sum_i tau^2 (sigma^2 + a_i) / (sigma^2 + a_i + tau^2 s_i^2), sigma^2 with the even part. Source: [D] T9."""
        assert isinstance(covariance, Banded)
        noise = self.sigma**2 + covariance.even + covariance.variances.numpy()
        gains = TAU**2 * covariance.directions.values.numpy() ** 2
        return TAU**2 * float((noise / (noise + gains)).sum() + prior.size - len(gains))

    def _loss_banded(self, prior: Prior) -> Callable[[NoiseCovariance, Prior], float]:
        """T1 in the singular directions: tr C - tr (I + D Q D)^-1 D R D with Q = V^T C V, R = V^T C^2 V, D^2 = s^2 / (sigma^2 + a). Source: [D]."""
        assert isinstance(self.covariance, Banded)
        right = self.covariance.directions.right.cpu().double()
        by_prior = prior.sqrt_apply(prior.sqrt_apply(right.T)).T  # C V
        q, r = right.T @ by_prior, by_prior.T @ by_prior

        def loss(covariance: NoiseCovariance, prior: Prior) -> float:
            assert isinstance(covariance, Banded)
            d = covariance.directions.values / (self.sigma**2 + covariance.even + covariance.variances).sqrt()
            inner = d[:, None] * q * d
            inner.diagonal().add_(1.0)
            inverse = torch.cholesky_inverse(torch.linalg.cholesky(inner))
            return prior.trace - float((inverse * (d[:, None] * r * d)).sum())

        return loss

    def _loss_dense(self, covariance: NoiseCovariance, prior: Prior) -> float:
        """T1 by dense matrices, for noise on entries."""
        rows = self._rows
        return invloss_of(rows.T @ (rows / (self.sigma**2 + _variances(covariance).numpy())[:, None]), prior)

    @functools.cached_property
    def _rows(self) -> np.ndarray:
        return self.bare.dense().cpu().double().numpy()


def _variances(covariance: NoiseCovariance) -> Tensor:
    """Those that the covariance is made of, flat, float64."""
    assert isinstance(covariance, (Banded, Diagonal))
    return (covariance.variances if isinstance(covariance, Banded) else flatten(covariance.variances)).double().cpu()
