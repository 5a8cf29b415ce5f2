"""Laplace noise on every entry of the message."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.tree import map_tree, rand_like
from ..core.types import Size
from . import _numpy
from ._base import Defense, Suggested
from ._noise import Noise, unit_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class LaplaceNoise(Defense):
    """Adds independent Laplace noise of scale b to every entry, b in units of the message's root mean square unless relative=False; its variance is 2 b^2.

    Heavier tails than Gaussian noise of the same variance. Without clipping this gives no epsilon guarantee.
    """

    name: ClassVar[str] = "laplace_noise"
    title: ClassVar[str] = "Laplace noise"
    paper: ClassVar[str] = "zhu2019dlg"
    strength: ClassVar[str] = "scale"
    identity: ClassVar[Value] = 0.0
    suggested: ClassVar[Suggested] = Suggested(
        compared=((140, 0.01),), swept=(0.1, 4.0), levels=(0.01, 0.1, 1.0), victims=("gradient", "embedding")
    )
    adds_noise: ClassVar[bool] = True
    on_update: ClassVar[Callable[..., Any] | None] = staticmethod(_numpy.laplace_noise)

    scale: float = knob(
        0.01,
        "scale b of the noise (variance 2 b^2); relative to the root mean square of the message's entries unless relative=False",
        low=0.0,
        high=1000.0,
        log=True,
    )
    relative: bool = knob(True, "measure the scale in units of the message's root mean square; False: in the message's own units")

    def wrap(self, inner: Release, world: World) -> Release:
        """Noise after the inner release."""

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            if rng is None or self.scale == 0:
                return message
            b = self.scale * unit_of(Size.of(message), self.relative)
            return map_tree(lambda leaf: leaf + b * _laplace_like(leaf, rng), message)

        return release

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """2 b^2 in the message's units."""
        return Noise("laplace", "size" if self.relative else "", variance=2 * (self.scale * unit_of(size, self.relative)) ** 2)


def _laplace_like(leaf: Tensor, rng: Generator) -> Tensor:
    """Standard Laplace numbers by inversion; u lies in [-1/2, 1/2), and the end that would give infinity is moved inside."""
    u = (rand_like(leaf, rng) - 0.5).clamp(min=-0.5 + 1e-7)
    return -u.sign() * (1 - 2 * u.abs()).log()
