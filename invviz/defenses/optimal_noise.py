"""Optimal noise: more of it on entries that tell much about the picture for what they are worth in training."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.tree import flatten, map_tree, unflatten
from ..core.types import Size
from ..risk import Diagonal
from ._base import Needs, Suggested
from ._coloured import Coloured
from ._features import slopes, still

if TYPE_CHECKING:
    from ..core.component import Value
    from ..core.types import Batch, Release, Tree, World
    from ..risk import NoiseCovariance

SMALLEST, LARGEST = 1e-8, 1e6  # of |g_i| and of the ratio; of the ratio


@dataclasses.dataclass(frozen=True)
class OptimalNoise(Coloured):
    """Adds independent normal noise of variance proportional to J_i / |g_i| to every entry, where J_i = ||dg_i/dx|| [P].

    The optimum of a bound: sum_i J_i^2 / v_i is what leaks, sum_i g_i^2 v_i what training loses. As in the public code [S], |g_i| counts as
    at least 1e-8 and the ratio as at most 1e6, and variances have a given mean, (sigma rms)^2: the same energy as Gaussian noise of sigma.

    The paper compares at equal sum_i g_i^2 v_i. There this noise had 14 to 41 times the energy of isotropic noise, and raised the error of
    an attacker who knows it 1.5 to 3.8 times (LeNet, MNIST; no gain at much noise) [measured]. At equal energy it hides less than isotropic
    noise from such an attacker: InvRE 0.945 against 0.911 at sigma 0.1, 0.38 against 0.22 at sigma 1 (LeNet, digits) [measured], for it
    falls on entries that are small. J_i is estimated from `probes` derivatives of the noise-free message.
    """

    name: ClassVar[str] = "optimal_noise"
    title: ClassVar[str] = "Optimal noise"
    paper: ClassVar[str] = "chen2024optimal"
    needs: ClassVar[Needs] = Needs(gradient=True, inside=True)
    strength: ClassVar[str] = "sigma"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "noise of {p} of the message's typical entry, on average"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(levels=(0.01, 0.1, 1.0))
    reads_batch: ClassVar[bool] = True
    slack: ClassVar[float] = 0.1  # which entries are noisy depends little on the picture (measured: 2 to 3 dB better than 1)
    takes_directions: ClassVar[bool] = False
    guarantee: ClassVar[str] = "none: how much noise an entry gets depends on the private picture"

    sigma: float = knob(
        0.1,
        "root mean square of the noise over all entries, relative to the root mean square of the message's entries",
        low=0.0,
        high=1e6,
        log=True,
    )
    probes: int = knob(
        10,
        "directional derivatives from which every entry's sensitivity is estimated; as many as the batch has numbers: exact",
        low=1,
        high=4096,
    )

    def basis(self, inner: Release, world: World, batch: Batch) -> Tree:
        """Variances at sigma = 1, in the message's shape."""
        image, at = still(batch)
        value, square = slopes(lambda moved: flatten(inner(world.net, at(moved), None)), image, self.probes, shared=False)
        ratios = (square.sqrt() / value.abs().clamp(min=SMALLEST)).clamp(SMALLEST, LARGEST).detach()
        message = map_tree(lambda leaf: leaf.detach(), inner(world.net, batch, None))
        return unflatten(ratios * (Size.of(message).rms ** 2 / ratios.mean()), message)

    def covariance(self, basis: Tree) -> NoiseCovariance:
        """v_i at this strength."""
        return Diagonal(map_tree(lambda v: v * self.sigma**2, basis))
