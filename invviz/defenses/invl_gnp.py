"""InvL-GNP: noise on a gradient, along left singular directions from the middle of its spectrum."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.types import Size
from ._base import Needs, Suggested
from ._coloured import InBand
from ._coloured_knobs import isotropic_knob, reuse_knob

if TYPE_CHECKING:
    from ..risk import Directions, NoiseCovariance


@dataclasses.dataclass(frozen=True)
class InvLGNP(InBand):
    """Adds sum_i c_i u_i over a band of left singular directions u_i of J = dG/dx, with independent c_i of one variance.

    The paper's noise for embeddings (`invl_enp`), taken to gradients (Source: [D] theory section 4; the band is that of a third-party
    implementation [S]). It costs one Jacobian-vector product more than the spectrum: sum_i c_i u_i = J V (c / s).

    An attacker who knows the band reads all that lies outside it, so InvRE falls to the rest's share and no further. Of equal singular
    values it is arbitrary which are in the band; nets that begin with a fully connected layer of fewer units than pixels have many.
    """

    name: ClassVar[str] = "invl_gnp"
    title: ClassVar[str] = "InvL-GNP (noise along gradient directions)"
    paper: ClassVar[str] = "xu2025invloss"
    level_words: ClassVar[str] = "noise along each direction: {p} of the message's typical entry"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(compared=((100, 1.0),), swept=(0.2, 10.0), first=True, levels=(0.2, 1.0, 10.0))
    needs: ClassVar[Needs] = Needs(gradient=True)

    scale: float = knob(
        1.0,
        "standard deviation of the noise along each direction of the band, relative to the root mean square of the message's entries",
        low=0.0,
        high=1e6,
        log=True,
    )
    reuse: int = reuse_knob()
    isotropic: float = isotropic_knob()

    def covariance(self, basis: Directions) -> NoiseCovariance:
        """a_i = (scale rms)^2 in the band."""
        std = self.scale * Size.of(basis.jacobian.message).rms
        return self.confined(basis, torch.full_like(basis.values, std**2))
