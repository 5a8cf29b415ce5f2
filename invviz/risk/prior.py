"""What the attacker believes about pictures before it has seen the message: a mean and a covariance."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
from scipy import fft

from ..core.errors import KnobError

PRIORS = ("white", "natural")
MEAN = 0.5  # of every pixel
TAU = 0.25  # standard deviation of a pixel (natural: root of the mean variance over the picture)
CHANNEL_CORRELATION = 0.9  # between any two colour channels, natural prior


@dataclasses.dataclass(frozen=True)
class Prior:
    """A normal law on batches of pictures in [0, 1]; samples are independent of one another.

    white: C = TAU^2 I, every pixel by itself.
    natural: power 1 / (1 + k^2 + l^2) at the frequency (k, l) of the orthonormal 2-D cosine transform, that is 1/f^2 with a finite mean
    brightness; stationary under the transform's mirror boundary; correlated channels; scaled to a mean pixel variance of TAU^2.
    Both are zero-parameter models of pictures, ours, not fitted to any data. Source: [D], theory section 3.

    Attributes:
        name: "white" or "natural".
        shape: channels, height, width of one picture.
        batch: number of pictures b; n = b c h w.
    """

    name: str
    shape: tuple[int, int, int]
    batch: int = 1

    def __post_init__(self) -> None:
        if self.name not in PRIORS:
            raise KnobError(f"prior={self.name!r} is not known; allowed: one of {', '.join(PRIORS)}.")

    @property
    def size(self) -> int:
        """Numbers in the batch, n = b c h w."""
        return self.batch * int(np.prod(self.shape))

    @property
    def mean(self) -> np.ndarray:
        """Mean of every pixel, shape (n,)."""
        return np.full(self.size, MEAN)

    @property
    def trace(self) -> float:
        """Trace of C: the squared error of guessing the mean."""
        return TAU**2 * self.size

    @property
    def precision_trace(self) -> float:
        """Trace of C^-1: the Fisher information of the prior, for T3."""
        if self.name == "white":
            return self.size / TAU**2
        return self.batch * float((1 / _mixing(self.shape[0])[0]).sum() * (1 / _power(*self.shape[1:])).sum())

    def sqrt_apply(self, x: Any) -> Any:
        """C^1/2 (symmetric root) times every vector along the last dimension.

        Args:
            x: (..., n), NumPy or PyTorch (then computed on the CPU, outside the graph).

        Returns:
            Same shape and library; float64 unless x is float32.
        """
        return self._power_apply(x, 0.5)

    def inv_sqrt_apply(self, x: Any) -> Any:
        """C^-1/2 times every vector along the last dimension; arguments as in `sqrt_apply`."""
        return self._power_apply(x, -0.5)

    def dense(self) -> np.ndarray:
        """C itself, shape (n, n); for tests and small pictures."""
        return self._power_apply(np.eye(self.size), 1.0)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Samples of the law, shape (count, n); pixels are not clipped."""
        return MEAN + self.sqrt_apply(rng.standard_normal((count, self.size)))

    def _power_apply(self, x: Any, exponent: float) -> Any:
        """C^exponent along the last dimension."""
        if not isinstance(x, np.ndarray):
            return x.new_tensor(self._power_apply(x.detach().cpu().numpy(), exponent))
        if self.name == "white":
            return x * x.dtype.type(TAU ** (2 * exponent))
        c, h, w = self.shape
        values, vectors = _mixing(c)
        mix = (vectors * values**exponent) @ vectors.T
        waves: Any = fft.dctn(x.reshape(*x.shape[:-1], self.batch, c, h, w), axes=(-2, -1), norm="ortho")
        waves = np.einsum("cd,...dhw->...chw", mix.astype(x.dtype), waves) * (_power(h, w) ** exponent).astype(x.dtype)
        return fft.idctn(waves, axes=(-2, -1), norm="ortho").reshape(x.shape)  # pyright: ignore


@functools.cache
def _power(h: int, w: int) -> np.ndarray:
    """Variance of each cosine coefficient, shape (h, w); their mean is TAU^2."""
    power = 1 / (1 + np.arange(h)[:, None] ** 2 + np.arange(w)[None, :] ** 2)
    return TAU**2 * power / power.mean()


@functools.cache
def _mixing(c: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors of the channels' correlation matrix (c, c)."""
    correlation = np.full((c, c), CHANNEL_CORRELATION) + (1 - CHANNEL_CORRELATION) * np.eye(c)
    values, vectors = np.linalg.eigh(correlation)
    return values, vectors
