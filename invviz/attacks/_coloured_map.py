"""The likeliest picture where the noise's covariance is known for every picture: its shape is taken anew at each guess, and how it moves with the guess counts."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import flatten
from ..risk.solved import changes
from ._priors import roots

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Observation
    from ..risk import Banded
    from ._matching import Watch

FIRST, BETTER, WORSE, TRIALS = (
    1e-3,
    0.3,
    5.0,
    8,
)  # damping at the start (share of the mean curvature), after a good step and after a bad one; most of one step
LITTLE = 1e-4  # gain, of the objective, below which a start is over
LIKELY = 6.0  # standard deviations within which it is
FAR = 50.0  # values beyond which a step is not even tried


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
    """One guess x: what it leaves of the message, and Sigma there, even I + U diag(a) U^T.

    Attributes:
        image: the guess, (b, c, h, w), float64.
        rest: message - G(x), (p,).
        rows: J(x), (p, n).
        left: U, (p, k).
        shrink: a / (even + a), (k,).
        steps: how far along the pixels the likeliest noise has moved the message, (n,).
        value: rest^T Sigma^-1 rest + |roots of the picture|^2; minus twice the log of the posterior, but for Sigma's determinant, which hardly moves.
    """

    image: Tensor
    covariance: Banded
    rest: Tensor
    rows: Tensor
    left: Tensor
    shrink: Tensor
    steps: Tensor
    value: float

    @classmethod
    def of(cls, obs: Observation, image: Tensor, loose: bool = False) -> Place:
        """At a guess; loose: with as much noise along all directions as along the loudest, since which of them belong to a band jumps as the guess moves."""
        assert obs.covariance_at is not None
        covariance = obs.covariance_at(obs.template.at(image.to(obs.template.private)))
        if loose:
            covariance = dataclasses.replace(covariance, variances=torch.full_like(covariance.variances, float(covariance.variances.max())))
        jacobian, noisy = covariance.directions.jacobian, covariance.variances > 0
        rest = (flatten(obs.message) - flatten(jacobian.message)).double()
        rows, right = (
            jacobian.dense().detach().double(),
            (covariance.directions.right / covariance.directions.values.clamp(min=1e-300))[:, noisy],
        )
        right, a = right.to(rows), covariance.variances[noisy].to(rows)
        left, shrink = rows @ right, a / (covariance.even + a)
        here = cls(image, covariance, rest, rows, left, shrink, right @ (shrink * (left.T @ rest)), 0.0)
        value = float(rest @ here.weighed(rest)) + float(roots(image, sum(obs.bounds) / 2).square().sum())
        return dataclasses.replace(here, value=value if math.isfinite(value) else math.inf)

    def weighed(self, y: Tensor) -> Tensor:
        """Sigma^-1 y, y of shape (p,) or (p, n)."""
        shrink = self.shrink[:, None] if y.ndim > 1 else self.shrink
        return (y - self.left @ (shrink * (self.left.T @ y))) / self.covariance.even

    def model(self, obs: Observation) -> tuple[Tensor, Tensor]:
        """Downhill slope of half the value, (n,), and its curvature, (n, n): the message moves by J, and the noise in it as its directions do."""
        jacobian = self.covariance.directions.jacobian
        moves = self.rows + changes(jacobian, self.steps.to(jacobian.point)).detach().double()
        flat, middle = self.image.flatten(), sum(obs.bounds) / 2
        wave = lambda x: roots(x.view_as(self.image), middle)  # noqa: E731
        none = wave(torch.zeros_like(flat))
        prior = torch.func.vmap(lambda v: wave(v) - none)(torch.eye(len(flat)).to(flat)).T
        slope = moves.T @ self.weighed(self.rest) - prior.T @ wave(flat)
        return slope, moves.T @ self.weighed(moves) + prior.T @ prior


def descend(obs: Observation, image: Tensor, watch: Watch, unit: float, loose: bool) -> Place:
    """Damped Gauss-Newton steps from a guess until they gain little.

    Args:
        obs: whose law of the noise is known.
        image: the first guess.
        watch: told of the value times `unit` after every step.
        unit: see watch.
        loose: see `Place.of`.

    Raises:
        Enough: the watch has seen enough.
    """
    here, damping = Place.of(obs, image.double(), loose), FIRST
    watch.see(here.value * unit, obs.template.at(here.image))
    while True:
        slope, curvature = here.model(obs)
        eye, before = torch.eye(len(slope)).to(slope), here.value
        for _ in range(TRIALS):
            step = torch.linalg.solve(curvature + damping * curvature.diagonal().mean() * eye, slope)
            trial = here.image + step.view_as(here.image)
            watch.ask()
            if (
                bool(torch.isfinite(trial).all())
                and float(trial.abs().max()) < FAR
                and (there := Place.of(obs, trial, loose)).value < before
            ):
                here, damping = there, damping * BETTER
                break
            damping *= WORSE
        watch.see(here.value * unit, obs.template.at(here.image))
        if not here.value < (1 - LITTLE) * before:
            return here


def fits(place: Place) -> bool:
    """Whether the message is as likely there as a message of the noise is: its value, but for the prior's part, is a chi-square number of p."""
    rows = len(place.rest)
    return float(place.rest @ place.weighed(place.rest)) < rows + LIKELY * (2 * rows) ** 0.5


def error(place: Place, obs: Observation) -> float:
    """PSNR in dB that the posterior's own width at a place stands for, to first order."""
    curvature = place.model(obs)[1]
    mean = float(torch.linalg.inv(curvature).diagonal().mean())
    return -10 * math.log10(max(mean, 1e-30))
