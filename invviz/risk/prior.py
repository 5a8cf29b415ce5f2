"""What the attacker believes about pictures before it has seen the message: a mean and a covariance."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import KnobError
from ..core.modality import PRIORS
from ..core.waves import power

MEAN = 0.5  # of every pixel (white and natural)
TAU = 0.25  # standard deviation of a pixel (natural: root of the mean variance over the picture)
CHANNEL_CORRELATION = 0.9  # between any two colour channels, natural prior
COMPONENTS = 256  # principal components that are kept (dataset)
MANY = 64 << 20  # bytes of pictures from which on their components are found in single precision
LEAST_VARIANCE = (1 / 255) ** 2  # one grey level: no direction is believed to be known better than pictures are stored


@dataclasses.dataclass(frozen=True, eq=False)
class Components:
    """Principal components of public pictures: mean (d,), directions (d, k) orthonormal, variances (k,) and that of everything else."""

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    remainder: float

    @classmethod
    def fit(cls, pictures: np.ndarray) -> Components:
        """Probabilistic PCA (tipping1999ppca) by scikit-learn, randomised and seeded: the mean variance of what is left out stands for every other direction.

        Args:
            pictures: public pictures, shape (count, c, h, w) in [0, 1], at least 2.
        """
        if len(pictures) < 2:
            raise KnobError(f"prior='dataset' needs at least 2 public pictures; this data set has {len(pictures)}. Use prior='natural'.")
        from sklearn.decomposition import PCA

        rows = np.asarray(pictures).reshape(len(pictures), -1)
        rows = rows.astype(np.float64) if rows.nbytes < MANY else rows
        count = max(1, min(COMPONENTS, (len(rows) - 1) // 2, rows.shape[1] - 1))  # few pictures: half of what they span tells of the rest
        found = PCA(count, svd_solver="randomized", random_state=0).fit(rows)
        variances = np.maximum(found.explained_variance_, LEAST_VARIANCE)
        # not noise_variance_, which scikit-learn spreads over min(pictures, pixels) directions: too much for each where pictures are the fewer
        remainder = float(rows.var(axis=0, ddof=1, dtype=np.float64).sum() - found.explained_variance_.sum()) / max(
            1, rows.shape[1] - count
        )
        directions = np.ascontiguousarray(np.asarray(found.components_).T)
        return cls(np.asarray(found.mean_), directions, variances, max(remainder, LEAST_VARIANCE))


@dataclasses.dataclass(frozen=True, eq=False)
class Prior:
    """A normal law on batches of pictures in [0, 1]; samples are independent of one another.

    white: C = TAU^2 I, every pixel by itself.
    natural: power 1 / (1 + k^2 + l^2) at the frequency (k, l) of the orthonormal 2-D cosine transform, that is 1/f^2 with a finite mean
    brightness; of series (channels, length) 1/f^4 with an even start, so that second differences along time are small (`core.waves`); stationary under the transform's mirror
    boundary; correlated channels; scaled to a mean pixel variance of TAU^2.
    dataset: mean and principal components of public pictures of the same data set, never of the victims.
    The first two have no parameters fitted to any data. Source: [D], theory section 3.

    Attributes:
        name: "white", "natural" or "dataset".
        shape: of one sample; of a picture channels, height, width.
        batch: number of samples b; n = b c h w of pictures.
        components: of the public pictures; needed by "dataset" and by no other.
        input_noise: variance of noise that the client adds to every pixel before the release, >= 0: C stands for the noisy picture then.
    """

    name: str
    shape: tuple[int, ...]
    batch: int = 1
    components: Components | None = None
    input_noise: float = 0.0

    def __post_init__(self) -> None:
        if self.name not in PRIORS:
            raise KnobError(f"prior={self.name!r} is not known; allowed: one of {', '.join(PRIORS)}.")
        if (self.name == "dataset") != (self.components is not None):
            raise KnobError("prior='dataset' takes the components of public pictures (Components.fit); the other priors take none.")

    @property
    def size(self) -> int:
        """Numbers in the batch, n = b c h w."""
        return self.batch * int(np.prod(self.shape))

    @property
    def asked(self) -> Prior:
        """The law of those samples that are asked for: of all of them."""
        return self

    @property
    def mean(self) -> np.ndarray:
        """Mean of every pixel, shape (n,)."""
        return np.full(self.size, MEAN) if self.components is None else np.tile(self.components.mean, self.batch)

    @property
    def trace(self) -> float:
        """Trace of C: the squared error of guessing the mean."""
        return self._sum(lambda v: v)

    @property
    def precision_trace(self) -> float:
        """Trace of C^-1: the Fisher information of the prior, for T3."""
        return self._sum(lambda v: 1 / v)

    @property
    def learnable(self) -> float:
        """What a message without noise can at most take off tr C: all of it, or less where the client releases a noisy picture."""
        return self._sum(lambda v: (v - self.input_noise) ** 2 / v)

    @property
    def diagonal(self) -> np.ndarray:
        """Variance of every pixel, shape (n,)."""
        if self.name == "white":
            return np.full(self.size, TAU**2 + self.input_noise)
        if self.components is not None:
            p = self.components
            own = p.remainder + (p.directions**2) @ (p.variances - p.remainder)
            return np.tile(own, self.batch) + self.input_noise
        from scipy import fft  # slow to import

        _, h, w = _plane(self.shape)
        rows, columns = (fft.idct(np.eye(side), axis=0, norm="ortho") ** 2 for side in (h, w))  # type: ignore[operator]
        return np.tile((rows @ _power(*self.shape[1:]) @ columns.T).ravel(), self.batch * self.shape[0]) + self.input_noise

    def noisy(self, variance: float) -> Prior:
        """The law of the picture after independent noise of this variance on every pixel."""
        return dataclasses.replace(self, input_noise=self.input_noise + variance)

    def sqrt_apply(self, x: Any) -> Any:
        """C^1/2 (symmetric root) times every vector along the last dimension.

        Args:
            x: (..., n), NumPy or PyTorch (then computed on the CPU, outside the graph).

        Returns:
            Same shape and library; float64 unless x is float32.
        """
        return self.apply(x, np.sqrt)

    def inv_sqrt_apply(self, x: Any) -> Any:
        """C^-1/2 times every vector along the last dimension; arguments as in `sqrt_apply`."""
        return self.apply(x, lambda v: v**-0.5)

    def denoise(self, x: Any) -> Any:
        """C_0 (C_0 + input_noise I)^-1 times every vector: the best guess of a centred picture from its noisy version."""
        return self.apply(x, lambda v: (v - self.input_noise) / v)

    def probe(self, x: Any) -> Any:
        """Turns white vectors into ones whose second moment is C (C_0 (C_0 + input_noise I)^-1 C_0 with input noise)."""
        return self.apply(x, lambda v: (v - self.input_noise) / v**0.5)

    def dense(self) -> np.ndarray:
        """C itself, shape (n, n); for tests and small pictures."""
        return self.apply(np.eye(self.size), lambda v: v)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Samples of the law, shape (count, n); pixels are not clipped."""
        return self.mean + self.sqrt_apply(rng.standard_normal((count, self.size)))

    def apply(self, x: Any, function: Callable[[Any], Any]) -> Any:
        """f(C) along the last dimension, for a function f of C's eigenvalues; arguments as in `sqrt_apply`."""
        if not isinstance(x, np.ndarray):
            return x.new_tensor(self.apply(x.detach().cpu().numpy(), function))
        real = x.dtype if x.dtype == np.float32 else np.dtype(np.float64)
        if self.name == "white":
            return x * real.type(function(TAU**2 + self.input_noise))
        apart = x.reshape(*x.shape[:-1], self.batch, -1)
        out = self._by_components(apart, function) if self.components is not None else self._by_waves(apart, function)
        return out.reshape(x.shape).astype(real, copy=False)

    def _by_components(self, x: np.ndarray, function: Callable[[Any], Any]) -> np.ndarray:
        p = self.components
        assert p is not None
        rest, own = function(p.remainder + self.input_noise), function(p.variances + self.input_noise)
        directions = p.directions.astype(x.dtype, copy=False)
        return x * x.dtype.type(rest) + ((x @ directions) * (own - rest).astype(x.dtype)) @ directions.T

    def _by_waves(self, x: np.ndarray, function: Callable[[Any], Any]) -> np.ndarray:
        from scipy import fft

        c, h, w = _plane(self.shape)
        values, vectors = _mixing(c)
        vectors = vectors.astype(x.dtype)
        scale = function(values[:, None, None] * _power(*self.shape[1:]) + self.input_noise).astype(x.dtype)
        waves: Any = fft.dctn(x.reshape(*x.shape[:-1], c, h, w), axes=(-2, -1), norm="ortho")
        waves = np.einsum("dc,...dhw->...chw", vectors, waves) * scale
        waves = np.einsum("cd,...dhw->...chw", vectors, waves)
        return fft.idctn(waves, axes=(-2, -1), norm="ortho")

    def _sum(self, function: Callable[[Any], Any]) -> float:
        """Sum of f over C's eigenvalues."""
        if self.name == "white":
            return self.size * float(function(TAU**2 + self.input_noise))
        if self.components is not None:
            p = self.components
            others = len(p.mean) - len(p.variances)
            rest, own = function(p.remainder + self.input_noise), function(p.variances + self.input_noise)
            return self.batch * float(own.sum() + others * rest)
        values = _mixing(self.shape[0])[0][:, None, None] * _power(*self.shape[1:]) + self.input_noise
        return self.batch * float(function(values).sum())


def _plane(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Channels, height and width; a series (channels, length) is one line high."""
    return shape if len(shape) == 3 else (shape[0], 1, shape[-1])


@functools.cache
def _power(*sides: int) -> np.ndarray:
    """Variance of each cosine coefficient, shape (h, w), of series (1, length); their mean is TAU^2."""
    return TAU**2 * power(*np.ogrid[tuple(slice(side) for side in sides)]).reshape(-1, sides[-1])


@functools.cache
def _mixing(c: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors of the channels' correlation matrix (c, c)."""
    correlation = np.full((c, c), CHANNEL_CORRELATION) + (1 - CHANNEL_CORRELATION) * np.eye(c)
    values, vectors = np.linalg.eigh(correlation)
    return values, vectors
