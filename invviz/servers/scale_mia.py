"""Scale-MIA: bins over what an encoder makes of a sample, in the honest net's own architecture; a decoder turns each bin back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.planted import Bins
from ..core.types import Net
from ._bins import counts
from ._planter import Planter, copied, thresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

    from ..core.types import World


@dataclasses.dataclass(frozen=True)
class ScaleMIA(Planter):
    """Makes the first layer an encoder and the second a layer of bins over the mean of its code; each code that is alone in a bin is read exactly, and decoded.

    No layer is added. The code of a sample is exact under the conditions of `imprint`; the sample is as good as the decoder: exact where the first layer is at least as wide as a sample,
    else its projection on as many principal components. [P] (key shi2025scalemia). Ours: encoder and decoder are linear and solved for on public samples (principal components, shifted
    so far that ReLU lets all pass) where the paper trains a convolutional pair; the last layer has columns of two kinds, so that half of the bins are twins, which certify.
    """

    name: ClassVar[str] = "scale_mia"
    title: ClassVar[str] = "Scale-MIA (bins over a code)"
    paper: ClassVar[str] = "shi2025scalemia"
    attack: ClassVar[str] = "bins"
    plan: ClassVar[str] = "bins"
    uses_public: ClassVar[bool] = True
    needs_first_linear: ClassVar[bool] = True
    needs_first_relu: ClassVar[bool] = True
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row")

    twins: bool = knob(True, "half of the neurons are twins, to certify bins with one sample; half as many bins")

    def model_problems(self, model: Any, shape: tuple[int, ...]) -> list[str]:
        """Another number of hidden layers than two."""
        if model.first_layer != "linear" or getattr(model, "hidden_layers", 2) == 2:
            return []
        return [
            f"{self.name} makes the first hidden layer an encoder and the second one bins; {model.text()} has {model.depth}. Set hidden_layers=2."
        ]

    def planted(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The same net for everybody.

        Raises:
            InvvizError: fewer than two public samples.
        """
        public = world.public.flatten(1).double()
        if len(public) < 2:
            raise InvvizError(
                "scale_mia learns its encoder from public samples, and there are none here. Use server=imprint or another data set."
            )
        module = copied(net)
        names = list(net.params)
        width, own = len(net.params[names[1]]), dict(module.named_parameters())
        mean, components = principal(public, width)
        low, high = public.amin(0).clamp(max=0), public.amax(0).clamp(min=1)
        shift = (
            components.clamp(min=0) @ (mean - low) - components.clamp(max=0) @ (high - mean)
        ) + 1  # above all that could come out negative
        code = (public - mean) @ components.T + shift
        bins = width // (1 + self.twins)
        edges = thresholds(code.mean(1), bins)
        starts = edges[:-1]
        last = torch.randn(own[names[4]].shape[0], 1 + self.twins, generator=rng, dtype=torch.float64).to(public)
        with torch.no_grad():
            for name in names[:6]:
                own[name].zero_()
            own[names[0]][: len(components)] = components.to(own[names[0]])
            own[names[1]][: len(components)] = (shift - components @ mean).to(own[names[1]])
            for copy in range(1 + self.twins):
                rows = slice(copy * len(starts), (copy + 1) * len(starts))
                own[names[2]][rows, : len(components)] = 1 / len(components)
                own[names[3]][rows] = -starts.to(own[names[3]])
                own[names[4]][:, rows] = (last[:, copy : copy + 1] / len(starts)).to(own[names[4]])
        used = (1 + self.twins) * len(starts)
        plan = Bins(
            names[2],
            names[3],
            True,
            self.twins,
            counts(code.mean(1), edges),
            columns=slice(0, len(components)),
            rows=used,
            decode=lambda codes: (codes.to(shift) - shift) @ components + mean,
        )
        return (Net.of(module, net.task, plan=plan),) * clients


def principal(samples: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The mean (inputs,) and at most so many principal components (components, inputs), orthonormal; all directions where there are as many samples."""
    mean = samples.mean(0)
    centred = samples - mean
    if samples.shape[1] <= len(samples):
        directions = torch.linalg.eigh(centred.T @ centred)[1].flip(1).T
        return mean, directions[:count]
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    keep = min(count, int((values > 1e-9 * values[-1]).sum()))
    top = vectors.flip(1)[:, :keep]
    return mean, ((centred.T @ top) / values.flip(0)[:keep].sqrt()).T
