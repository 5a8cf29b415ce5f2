"""What is learned of public pictures: their principal components, and a net that draws pictures of the coefficients."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import randn_like
from ._decoding import decoder, descend_epochs, fresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor, nn

LEAST = 1e-3  # standard deviation of what the components leave over, at least
TINY = 1e-6  # of the largest deviation: a component below it is rounding
JITTER = 0.2  # noise on codes of deviation 1 in training: close codes then draw close pictures


@dataclasses.dataclass(frozen=True, eq=False)
class Components:
    """Mean (1, c, h, w), components times their deviations as rows (k, c h w), and the deviation of a pixel that they leave over."""

    mean: Tensor
    rows: Tensor
    rest: float

    @classmethod
    def of(cls, public: Tensor, most: int) -> Components:
        """The first components of pictures (n, c, h, w)."""
        mean = public.mean(0, keepdim=True)
        flat = (public - mean).flatten(1).double()
        wide = len(flat) < flat.shape[1]  # the smaller of the two Gram matrices has the same eigenvalues
        values, vectors = (part.flip(-1) for part in torch.linalg.eigh(flat @ flat.T if wide else flat.T @ flat))
        values = values.clamp(min=0)
        kept = max(1, min(most, int((values > TINY**2 * values[0]).sum())))
        rows = vectors[:, :kept].T @ flat if wide else values[:kept, None].sqrt() * vectors[:, :kept].T
        rest = float(values[kept:].sum() / ((len(flat) - 1) * flat.shape[1])) ** 0.5
        return cls(mean, (rows / (len(flat) - 1) ** 0.5).to(public), max(rest, LEAST))

    def picture(self, a: Tensor, e: Tensor) -> Tensor:
        """Pictures (b, c, h, w) of coefficients (b, k) and, where there are some, of free pixels (b c h w)."""
        image = self.mean + (a @ self.rows).view(len(a), *self.mean.shape[1:])
        return image + self.rest * e.view_as(image) if len(e) else image

    def code(self, image: Tensor) -> Tensor:
        """Coefficients (b, k) of pictures; of mean 0 and covariance 1 over the public ones."""
        return (image - self.mean).flatten(1) @ self.rows.T / self.rows.square().sum(1).clamp(min=LEAST**4)


@dataclasses.dataclass(eq=False)
class Painter:
    """An autoencoder with a linear reader: codes are principal coefficients, so they are about N(0, 1), and a decoder draws the picture."""

    components: Components
    net: nn.Module
    trace: list[tuple[int, float]] = dataclasses.field(default_factory=list)
    stopped: bool = False

    @classmethod
    def of(cls, public: Tensor, latent: int, width: int, rng: Generator) -> Painter:
        """One whose decoder is not trained yet, for pictures like the public ones, (n, c, h, w)."""
        components = Components.of(public, latent)
        codes = public.new_zeros(1, len(components.rows))
        return cls(components, fresh(lambda: decoder(codes, public[:1], width), rng, public))

    def __call__(self, a: Tensor) -> Tensor:
        """Pictures in [0, 1], (b, c, h, w), of latent variables (b, k)."""
        return self.net(a)

    def train(self, public: Tensor, epochs: int, lr: float, rng: Generator, report: Callable[[int, int, float], bool]) -> None:
        """Minimise the mean squared error of the pictures that are drawn of the codes of public ones, with a little noise on the codes."""
        codes = self.components.code(public)

        def error(places: Tensor) -> Tensor:
            return ((self.net(codes[places] + JITTER * randn_like(codes[places], rng)) - public[places]) ** 2).mean()

        self.stopped = descend_epochs(list(self.net.parameters()), error, len(public), epochs, lr, rng, report, self.trace)
        self.net.requires_grad_(False)
