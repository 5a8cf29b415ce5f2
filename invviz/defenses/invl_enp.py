"""InvL-ENP: noise on an embedding, along left singular directions from the middle of its spectrum."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Needs, Suggested
from ._coloured import InBand
from ._coloured_knobs import isotropic_knob

if TYPE_CHECKING:
    from ..risk import Directions, NoiseCovariance


@dataclasses.dataclass(frozen=True)
class InvLENP(InBand):
    """Adds U U^T e over a band of left singular directions of the embedding's Jacobian, e ~ Laplace(0, scale) [S of the paper's noise].

    Drawn are the independent amounts c_i along the directions, of variance 2 scale^2: the covariance is that of U U^T e, the law of a
    single draw differs a little (Source: [D]). An attacker who knows the band reads all that lies outside it.
    """

    name: ClassVar[str] = "invl_enp"
    title: ClassVar[str] = "InvL-ENP (noise along embedding directions)"
    paper: ClassVar[str] = "xu2025invloss"
    level_words: ClassVar[str] = "noise of scale {v} along each direction, in the embedding's own units"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(levels=(0.1, 1.0, 10.0), victims=("embedding",))
    needs: ClassVar[Needs] = Needs(embedding=True)

    scale: float = knob(
        1.0,
        "scale b of the noise along each direction of the band (variance 2 b^2), absolute: in the embedding's own units",
        low=0.0,
        high=1e6,
        log=True,
    )
    isotropic: float = isotropic_knob()

    def even_of(self, covariance: NoiseCovariance, square: float) -> float:
        """Its size does not depend on the message."""
        return covariance.even

    def covariance(self, basis: Directions) -> NoiseCovariance:
        """a_i = 2 scale^2 in the band."""
        return self.confined(basis, torch.full_like(basis.values, 2 * self.scale**2))
