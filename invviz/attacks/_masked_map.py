"""The most likely picture that gives what came of a message, where the rest was held back: Gauss-Newton under a natural prior whose weight falls."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import randn_like
from ._base import Unreadable
from ._fit import Slope, rows_of
from ._matching import in_double, rounding
from ._priors import Whitened

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Observation, Tree
    from ._matching import Watch

WEIGHTS = tuple(10.0**-k for k in range(3, 13))  # of the prior, beside the matching loss; what came is exact, so the last is next to none
SHARES = (0.01, 0.01, 0.03, 0.04, 0.06, 0.1, 0.12, 0.15, 0.15, 0.2)  # of a start's products that one step at each weight may take
LITTLE = 1e-5  # of a step's gain: mean gain of a product below which the step is solved
AGREES = 0.1  # excess over what was predicted, up to which the map counts as linear along a step
WORTH = 0.1  # gain below which another step at the same weight is not worth its price
HALVINGS = 10  # most of a step that leads up
GREY = 0.01  # standard deviation of a start in the prior's coordinates: alike samples of a batch would stay alike without


def behind_mask(obs: Observation) -> bool:
    """Whether the attacker knows that entries were held back, and that nothing has disturbed those that came."""
    return obs.seen is not None and not obs.noise and obs.interval is None and obs.whiten is None


@dataclasses.dataclass(eq=False)
class Likely:
    """The search for the picture of least smoothness that gives the entries that came.

    A mask leaves fewer equations than pixels, or equations that say little; without a prior the search stops anywhere among the pictures that fit. The objective
    |target - map(z)|^2 + weight |z|^2, in coordinates z in which the prior is even, is minimised for weights that fall by tens, each from the last one's answer: by
    steps of Gauss and Newton, solved by conjugate gradients, which never need the Jacobian itself. As the weight falls, the minimum goes to the most likely picture
    among all that fit. Source: [D]; weighting entries by the size of their layer was tried and is worse (benchmarks/masks.py).

    Attributes:
        obs: in float64.
        rows: a message as a vector, relative to what came.
        rounding: relative misfit of the message as it came, squared, at which nothing is left to explain.
        products: with J and its transpose that a start may take.
    """

    obs: Observation
    label: Tensor
    rows: Callable[[Tree], Tensor]
    target: Tensor
    prior: Whitened
    rounding: float
    watch: Watch
    products: int
    taken: int = 0

    @classmethod
    def of(cls, obs: Observation, label: Tensor, watch: Watch, products: int) -> Likely:
        """The search that an observation asks for.

        Raises:
            Unreadable: nothing came, or the message cannot be made linear.
        """
        least = rounding(obs.message) ** 2
        obs = in_double(obs)
        like = obs.template.private
        rows, target, *_ = rows_of(obs)
        found = cls(obs, label, rows, target, Whitened.of(like, obs.bounds), least, watch, products)
        try:
            Slope.of(found, like.new_zeros(like.numel()))
        except RuntimeError as why:
            raise Unreadable("The message that the attacker simulates cannot be made linear") from why
        return found

    @property
    def came(self) -> int:
        """Numbers of the message that were not held back."""
        return int(self.rows(self.obs.seen).count_nonzero()) if self.obs.seen else 0

    @property
    def determined(self) -> bool:
        """Whether as many numbers came as there are pixels."""
        return self.came >= self.obs.template.private.numel()

    def said(self, note: str) -> str:
        """A note on the search, with what the number of entries says of the answer."""
        came, wanted = self.came, self.obs.template.private.numel()
        if self.determined:
            return note
        found = f"{came:,} numbers came for {wanted:,} pixels: the most likely picture that gives them, not exact."
        return f"{note} {found} What fills the gap is that pictures are smooth; who has public pictures of the class may get far more (class_prior).".strip()

    def start(self, rng: Generator, spread: float) -> Tensor:
        """Coordinates of a picture drawn from the prior, its deviation from grey times `spread`."""
        like = self.obs.template.private
        return spread * randn_like(like.new_empty(like.numel()), rng)

    def picture(self, z: Tensor) -> Tensor:
        """The pictures at z."""
        return self.prior.picture(z.view(self.obs.template.private.shape))

    def map(self, z: Tensor) -> Tensor:
        """What the batch at z would have sent, relative to what came."""
        return self.rows(self.obs.simulate(self.obs.template.at(self.picture(z), self.label)))

    def objective(self, z: Tensor, weight: float) -> tuple[float, float]:
        """Misfit and prior together, and the misfit alone."""
        misfit = float((self.target - self.map(z)).square().sum())
        return misfit + weight * float(z.square().sum()), misfit

    def descend(self, z: Tensor) -> Tensor:
        """From z through all weights; the answer.

        Raises:
            Enough: the watch has seen enough.
        """
        self.taken = 0
        self._see(self.objective(z, WEIGHTS[0])[0], z)
        for weight, share in zip(WEIGHTS, SHARES, strict=True):
            most, last = max(1, round(share * self.products)), weight == WEIGHTS[-1]
            while self.taken < self.products:
                z, before, predicted, after = self._step(z, weight, min(most, self.products - self.taken))
                self._see(after, z)
                if after - weight * float(z.square().sum()) <= self.rounding:
                    return z
                if not after < (1 - WORTH) * before or (after < (1 + AGREES) * predicted and not last):
                    break
        return z

    def _see(self, objective: float, z: Tensor) -> None:
        self.watch.see(objective, self.obs.template.at(self.picture(z), self.label))

    def _step(self, z: Tensor, weight: float, most: int) -> tuple[Tensor, float, float, float]:
        """The point after a step of at most so many products; the objective before it, as the linear map predicts it, and after."""
        slope = Slope.of(self, z)
        before = float(slope.rest.square().sum()) + weight * float(z.square().sum())
        step, gain = self._solve(slope, z, weight, most)
        for halving in range(HALVINGS):
            moved = z + 0.5**halving * step
            after = self.objective(moved, weight)[0]
            if after < before:
                return moved, before, before - gain, after
        return z, before, before - gain, before

    def _solve(self, slope: Slope, z: Tensor, weight: float, most: int) -> tuple[Tensor, float]:
        """The step that minimises the objective of the linear map, by conjugate gradients, and what it gains."""
        r = slope.back(slope.rest) - weight * z
        step, p, now, gain = torch.zeros_like(r), r, float(r @ r), 0.0
        for count in range(1, most + 1):
            q = slope.back(slope.forth(p)) + weight * p
            self.taken += 1
            self.watch.ask()
            curve = float(p @ q)
            if not 0 < curve < math.inf or not 0 < now < math.inf:
                break
            share = now / curve
            step, r = step + share * p, r - share * q
            gain += share * now
            if share * now * count < LITTLE * gain:
                break
            before, now = now, float(r @ r)
            p = r + now / before * p
        return step, gain
