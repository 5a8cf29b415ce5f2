"""Water-filling: of all noises that cost the same, the one that leaves an attacker who knows it the largest error."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.types import Size
from ..risk import Banded, Directions, Jacobian
from ..risk.noise_covariance import LAWS
from ..risk.prior import TAU
from ._base import Suggested
from ._coloured import Coloured
from ._coloured_knobs import isotropic_knob, reuse_knob
from ._fisher import fisher_shares, is_of_parameters

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.component import Value
    from ..core.types import Batch, Release, World
    from ..risk import NoiseCovariance


@dataclasses.dataclass(frozen=True, eq=False)
class Basis:
    """What the best noise is made of.

    Attributes:
        directions: of the noise-free release.
        shares: what noise along u_i costs in training, relative to noise along a random direction, shape (k,); None: all the same.
    """

    directions: Directions
    shares: Tensor | None

    def move(self, jacobian: Jacobian) -> Basis:
        """The same, taken for that of another Jacobian."""
        return dataclasses.replace(self, directions=self.directions.move(jacobian))


@dataclasses.dataclass(frozen=True)
class WaterFilling(Coloured):
    """Adds noise of variance a_i along each left singular direction u_i; it costs sum_i w_i a_i, what isotropic noise of `sigma` costs.

    a_i = max(0, tau^2 s_i (nu / sqrt(w_i) - s_i) - f^2), with tau the prior's standard deviation of a pixel and f the noise floor: the
    optimum for the white prior, against an attacker who knows Sigma. Source: [D] theory T10. Nothing goes to the loudest directions, where
    it would be too dear, nor to those lost in the floor already.

    At its default cost the ideal attacker's InvRE falls to 0.53, where Gaussian noise of that cost leaves 0.91 (LeNet, digits, white
    prior) [measured].

    That attacker takes Sigma as given. One who asks which picture it belongs to solves for picture and noise together and reads it all (T11), so alone this is the
    optimum against nobody who knows it. Of the cost, the share `isotropic` is spent on normal noise on every entry, and f^2 grows by it. The share at which the
    stronger of both attackers gets least (`python -m invviz isotropic`) is 0.4 to 1 on digits, the more the louder the noise. At equal energy that hides more than
    Gaussian noise while the noise is weak (LeNet, 1 % of the message's: 14.9 dB against 25.6 by the best attack that was tried); at equal accuracy
    0.1 to 1 dB were left of that on two seeds, over 3 on a third, unfinished one (small ConvNet, 4 pictures) [measured].

    w_i = 1 counts energy. cost="utility" counts what noise costs in training: w_i = d + (1 - d) u_i^T F u_i p / tr F, F the Fisher matrix
    of the loss on public pictures; d keeps noise out of directions that only seem to cost nothing. A message that is not one of the net's
    parameters counts energy.
    """

    name: ClassVar[str] = "water_filling"
    title: ClassVar[str] = "Water-filling (largest InvLoss for its cost)"
    strength: ClassVar[str] = "sigma"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "as costly as Gaussian noise of {p} of the typical entry"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(compared=((90, 0.1),), swept=(0.03, 4.0), levels=(0.03, 0.1, 1.0))
    in_tangent_space: ClassVar[bool] = True

    sigma: float = knob(
        0.1,
        "cost: that of Gaussian noise of this standard deviation on every entry, relative to the root mean square of the entries",
        low=0.0,
        high=1e6,
        log=True,
    )
    cost: str = knob(
        "utility", "what the budget counts: harm to training (needs public pictures), or the noise's energy", choices=("utility", "energy")
    )
    damping: float = knob(0.1, "share d of plain energy in the cost; 1: energy alone (only cost='utility')", low=0.01, high=1.0)
    floor: float = knob(
        0.01,
        "noise floor that is taken for granted, relative to the root mean square of the message's entries",
        low=0.0,
        high=1e6,
        log=True,
    )
    law: str = knob("laplace", "law of the noise; its variance is the same for all of them", choices=LAWS)
    reuse: int = reuse_knob()
    isotropic: float = isotropic_knob()

    @property
    def uses_public(self) -> bool:
        """Only where harm to training is counted."""
        return self.cost == "utility"

    def basis(self, inner: Release, world: World, batch: Batch) -> Basis:
        """Directions of the noise-free release, and what noise along them costs.

        Raises:
            InvvizError: the cost takes public pictures, and there are none.
        """
        if self.cost == "utility" and not len(world.public):
            raise InvvizError(
                "water_filling(cost='utility') weighs noise by the loss on public pictures, and there are none here. "
                "Use cost='energy', or a data set that has some."
            )
        directions = Directions.of(Jacobian.of(inner, world.net, batch))
        weighed = self.cost == "utility" and is_of_parameters(directions.jacobian.message, world.net)
        return Basis(directions, fisher_shares(directions, world) if weighed else None)

    def basis_of(self, directions: Directions, shares: Tensor | None) -> Basis:
        """The basis again from what it is made of."""
        return Basis(directions, shares)

    def covariance(self, basis: Basis) -> NoiseCovariance:
        """The optimum at this budget."""
        values, size = basis.directions.values, Size.of(basis.directions.jacobian.message)
        weights = torch.ones_like(values) if basis.shares is None else self.damping + (1 - self.damping) * basis.shares
        budget, floor = (self.sigma * size.rms) ** 2 * size.count, (self.floor * size.rms) ** 2
        if not self.even:
            return Banded(basis.directions, filled(values, weights, budget, floor))
        even = self.even * (self.sigma * size.rms) ** 2
        return Banded(basis.directions, filled(values, weights, (1 - self.even) * budget, floor + even), even)


def filled(values: Tensor, weights: Tensor, budget: float, floor: float, tau: float = TAU) -> Tensor:
    """The variances a_i >= 0 with sum_i w_i a_i = budget that make InvLoss largest, shape (k,). Source: [D] theory T10.

    The cost is piecewise linear in nu, with a kink where each direction begins to get noise; so nu is found by sorting those, exactly.

    Args:
        values: s_i >= 0, shape (k,); where it is 0 there is nothing to hide.
        weights: w_i > 0, shape (k,).
        budget: what all noise may cost.
        floor: variance of the noise that is there anyway.
        tau: standard deviation of the prior.
    """
    seen = values > 0
    if budget <= 0 or not bool(seen.any()):
        return torch.zeros_like(values)
    s, w = values[seen], weights[seen]
    slope, offset = tau**2 * s * w.sqrt(), w * (tau**2 * s**2 + floor)  # of w_i a_i = slope nu - offset, once it is above 0
    start = offset / slope
    order = start.argsort()
    level = (budget + offset[order].cumsum(0)) / slope[order].cumsum(0)  # nu, if just the first ones got noise
    nu = level[max(1, int((level > start[order]).sum())) - 1]
    variances = torch.zeros_like(values)
    variances[seen] = ((slope * nu - offset) / w).clamp(min=0)
    return variances
