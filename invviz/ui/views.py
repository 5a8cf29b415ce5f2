"""What a page shows of a spectrum or an attack, ready to be drawn, and the figures at any noise."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.types import Size
from ..engine import bounds
from ..engine.summary import noise_variance
from ..metrics import tells
from ..risk import Decomposition, direction, ideal, invloss_estimate, pixel_knowledge, psnr_of, total_sigma
from ..scenario import Scenario

NOISES = np.geomspace(1e-4, 10, 26)  # of a risk curve, shares of the message's root mean square
LEVELS = 64  # noise levels at which a view keeps its figures


@dataclasses.dataclass(frozen=True)
class Figures:
    """InvRE and PSNR ceiling at one noise, each with the ends of its 95 % interval (a single point where they are exact)."""

    score: float
    low: float
    high: float
    ceiling: float
    worst: float
    best: float

    @property
    def tells(self) -> str:
        """How much the message tells, in words; of an interval with two none."""
        low, high = tells(self.low), tells(self.high)
        return low if low == high else ""

    @property
    def half(self) -> float:
        """Half the width of the score's interval."""
        return (self.high - self.low) / 2


def figures_of(dec: Decomposition, sigma: float) -> Figures:
    """What `invre`, `psnr_ceiling` and their intervals say, from one evaluation of the spectrum."""
    found = invloss_estimate(dec, sigma)
    losses = (found.value, found.high, found.low)
    return Figures(*(1 - loss / dec.trace for loss in losses), *(psnr_of(loss / dec.size) for loss in losses))


@dataclasses.dataclass(frozen=True, eq=False)
class Portrait:
    """What of a picture leaks, and through which directions."""

    known: Callable[[float], np.ndarray]  # sigma (absolute) -> share of each pixel's variance that is learned, (b, c, h, w) in [0, 1]
    direction: Callable[[int], np.ndarray]  # index -> that direction as a picture
    indices: np.ndarray  # directions that can be shown, strongest first


@dataclasses.dataclass(frozen=True, eq=False)
class RiskView:
    """A spectrum on the screen; serves every noise level in closed form."""

    decomposition: Decomposition
    size: Size
    truth: np.ndarray
    draw: Callable[[float], np.ndarray]  # sigma (absolute) -> the ideal attacker's picture
    portrait: Portrait | None = None
    stages: tuple[Size, ...] = ()
    trust: dict[str, Any] | None = None
    why: str = ""
    layers: tuple[tuple[str, int], ...] = ()
    ladder: tuple[tuple[float, float, float, float | None], ...] = ()  # of coloured noise: strength, PSNR ceiling, energy, harm to training
    accuracy: float | None = None  # of a net that was trained on public pictures
    solved: float | None = None  # of noise in the tangent space: PSNR (dB) of an attacker who solves for it, where that is known
    first: bool = False  # a first sketch, shown while the spectrum itself is computed
    levels: tuple[float, ...] = ()  # the noise levels (absolute) at which the picture is kept; empty where it is drawn at any
    _known: dict[float, Figures] = dataclasses.field(default_factory=dict)

    def figures(self, sigma: float) -> Figures:
        """The figures at a noise level (absolute), kept for the next look."""
        if sigma not in self._known:
            if len(self._known) >= LEVELS:
                self._known.clear()
            self._known[sigma] = figures_of(self.decomposition, sigma)
        return self._known[sigma]

    @functools.cached_property
    def curve(self) -> tuple[Figures, ...]:
        """The figures over NOISES, computed once."""
        return tuple(figures_of(self.decomposition, noise * self.size.rms) for noise in NOISES)

    def can_draw(self, sigma: float) -> bool:
        """Whether the ideal attacker's picture is known at this noise."""
        return not self.levels or any(abs(level - sigma) <= 1e-4 * sigma for level in self.levels)

    def floor_share(self, scenario: Scenario) -> float:
        """Variance of the noise floor over that of all noise on an entry."""
        return (scenario.floor * self.size.rms) ** 2 / max(self.sigma(scenario) ** 2, 1e-300)

    def against(self, scenario: Scenario) -> list[bounds.Reason]:
        """Why the expected best is no bound."""
        return bounds.reasons(scenario, self.floor_share(scenario), self.decomposition.method)

    def lower(self, scenario: Scenario) -> bounds.Lower:
        """T3, or why there is none."""
        return bounds.lower(scenario, self.trust, self.decomposition.size, self.size, self.stages)

    def sigma(self, scenario: Scenario) -> float:
        """Noise per message entry: the defenses' and the floor's."""
        return total_sigma(self.decomposition, scenario.floor, noise_variance(scenario, self.size, self.stages))


@dataclasses.dataclass(frozen=True, eq=False)
class RunView:
    """A finished (or stopped) attack on the screen."""

    scenario: Scenario
    result: dict[str, Any]
    guess: np.ndarray
    frame_steps: np.ndarray
    frames: np.ndarray
    frame_psnr: np.ndarray
    steps: np.ndarray
    loss: np.ndarray
    prepared: bool = False  # from the gallery, not computed here
    study: str = ""  # title of the shipped study that kept picture and scores, and nothing else


def view_of(
    decomposition: Decomposition,
    result: dict[str, Any],
    truth: np.ndarray,
    levels: tuple[float, ...] = (),
    draw: Callable[[float], np.ndarray] | None = None,
) -> RiskView:
    """A spectrum and the numbers and words that were kept beside it; where it cannot draw any more, the noise levels of the pictures that were kept, and what draws them."""
    return RiskView(
        decomposition,
        Size.from_json(result["size"]),
        truth,
        draw or (lambda sigma: ideal(decomposition, sigma)),
        Portrait(
            lambda sigma: pixel_knowledge(decomposition, sigma),
            lambda index: direction(decomposition, index),
            np.arange(decomposition.basis.shape[1]),
        ),
        tuple(Size.from_json(stage) for stage in result["stages"]),
        result["trust"],
        result["why"],
        tuple((name, count) for name, count in result["layers"]),
        tuple((strength, psnr, energy, harm) for strength, psnr, energy, harm in result.get("ladder", ())),
        result.get("accuracy"),
        result.get("solved"),
        levels=levels,
    )
