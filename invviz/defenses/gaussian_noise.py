"""Gaussian noise on every entry of the message."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.tree import map_tree, randn_like
from ..core.types import Size
from . import _numpy
from ._base import Defense, Suggested
from ._noise import Noise, unit_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class GaussianNoise(Defense):
    """Adds independent normal noise to every entry: m' = m + sigma r n, where r is the root mean square of the message's entries, or 1 (relative=False).

    Without clipping this gives no (epsilon, delta) guarantee: the sensitivity is unbounded.
    """

    name: ClassVar[str] = "gaussian_noise"
    title: ClassVar[str] = "Gaussian noise"
    paper: ClassVar[str] = "zhu2019dlg"
    strength: ClassVar[str] = "sigma"
    identity: ClassVar[Value] = 0.0
    suggested: ClassVar[Suggested] = Suggested(
        compared=((10, 0.01), (20, 1.0)),
        swept=(0.1, 4.0),
        first=True,
        levels=(0.01, 0.1, 1.0),
        victims=("gradient", "embedding", "trained"),
    )
    adds_noise: ClassVar[bool] = True
    on_update: ClassVar[Callable[..., Any] | None] = staticmethod(_numpy.gaussian_noise)

    sigma: float = knob(
        0.01,
        "standard deviation of the noise; relative to the root mean square of the message's entries (0.01 = 1 %) unless relative=False",
        low=0.0,
        high=1000.0,
        log=True,
    )
    relative: bool = knob(True, "measure sigma in units of the message's root mean square; False: in the message's own units")

    def wrap(self, inner: Release, world: World) -> Release:
        """Noise after the inner release."""

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            if rng is None or self.sigma == 0:
                return message
            std = self.sigma * unit_of(Size.of(message), self.relative)
            return map_tree(lambda leaf: leaf + std * randn_like(leaf, rng), message)

        return release

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """sigma^2 in the message's units."""
        return Noise("gaussian", "size" if self.relative else "", variance=(self.sigma * unit_of(size, self.relative)) ** 2)
