"""Noise that is stronger in some directions than in others: how it is drawn, and what an attacker who knows it makes of it."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import flatten, map_tree, rand_like, randn_like, unflatten
from .directions import Directions
from .jacobian import Jacobian

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Tree

LAWS = ("laplace", "normal")


class NoiseCovariance:
    """A covariance Sigma of noise on a message. Source: [D] theory T6, T9.

    Attributes:
        even: variance of the part that is the same in all directions.
    """

    even: float = 0.0

    @property
    def uneven(self) -> NoiseCovariance:
        """The same without that part."""
        return self

    @property
    def energy(self) -> float:
        """Tr Sigma: the mean squared norm of the noise."""
        raise NotImplementedError

    def draw(self, rng: Generator, law: str = "normal") -> Tree:
        """One draw of the noise."""
        raise NotImplementedError

    def whiten(self, message: Tree, sigma: float) -> Tree:
        """(I + Sigma / sigma^2)^-1/2 times a message.

        After that, this noise and isotropic noise of sigma together are isotropic noise of sigma.

        Args:
            message: differentiable; Sigma is a constant.
            sigma: standard deviation of all other noise on a message entry, > 0.
        """
        raise NotImplementedError

    def seen_through(self, jacobian: Jacobian, sigma: float) -> Jacobian:
        """(I + Sigma / sigma^2)^-1/2 J, to be scored at isotropic noise of sigma: the attacker who knows Sigma. Source: [D] T6.

        Args:
            jacobian: of the noise-free release at the batch that Sigma belongs to.
            sigma: as in `whiten`.
        """
        return Jacobian.of(lambda net, batch, rng: self.whiten(jacobian.release(net, batch, rng), sigma), jacobian.net, jacobian.batch)


@dataclasses.dataclass(frozen=True, eq=False)
class Diagonal(NoiseCovariance):
    """Independent noise on every entry, of its own variance each."""

    variances: Tree

    @property
    def energy(self) -> float:
        """Sum of the variances."""
        return float(flatten(self.variances).double().sum())

    def draw(self, rng: Generator, law: str = "normal") -> Tree:
        """Independent numbers."""
        return map_tree(lambda v: v.sqrt() * unit_noise(v, rng, law), self.variances)

    def whiten(self, message: Tree, sigma: float) -> Tree:
        """Every entry scaled."""
        return map_tree(lambda leaf, v: leaf * (1 + v / sigma**2).rsqrt().to(leaf.dtype), message, self.variances)


@dataclasses.dataclass(frozen=True, eq=False)
class Banded(NoiseCovariance):
    """Noise along left singular directions, and perhaps some everywhere: Sigma = sum_i a_i u_i u_i^T + even I. Source: [D] T9.

    u_i = J v_i / s_i is never stored: a draw is one Jacobian-vector product. The part that is even is normal, whatever the law of the other.

    Attributes:
        directions: of the release that the noise is added to.
        variances: a_i >= 0, shape (k,); where the singular value is 0 there is no u_i and no noise.
    """

    directions: Directions
    variances: Tensor
    even: float = 0.0  # type: ignore[bad-override]  (read only here: the class is frozen)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variances", torch.where(self.directions.values > 0, self.variances, 0.0))

    @property
    def energy(self) -> float:
        """Sum of a_i, and `even` for every entry."""
        even = self.even * self.directions.jacobian.shape[0] if self.even else 0.0
        return float(self.variances.sum()) + even

    @property
    def uneven(self) -> Banded:
        """Sum_i a_i u_i u_i^T alone."""
        return dataclasses.replace(self, even=0.0)

    def draw(self, rng: Generator, law: str = "normal") -> Tree:
        """Sum_i c_i u_i with independent c_i: one product J (V c / s); after them the numbers of the even part, where there is one."""
        return self.evened(self._along(rng, law), rng)

    def evened(self, noise: Tree, rng: Generator) -> Tree:
        """Noise along the directions, and a draw of the even part on top."""
        if not self.even:
            return noise
        return map_tree(lambda leaf: leaf + self.even**0.5 * randn_like(leaf, rng), noise)

    def _along(self, rng: Generator, law: str) -> Tree:
        """A draw of the noise along the directions."""
        jacobian, steps = self.directions.jacobian, self.steps(rng, law)
        noise = jacobian.matvec((self.directions.right @ steps).to(jacobian.point)).detach()
        if self.directions.stale:  # of another Jacobian: J v_i / s_i is no longer of length 1
            noise = noise * self.length(steps) / noise.norm().clamp(min=1e-30)
        return unflatten(noise, jacobian.message)

    def length(self, steps: Tensor) -> float:
        """The norm of the noise that these steps, shape (k,), stand for: that of the amounts c along directions that are orthogonal."""
        return float((steps * self.directions.values).norm())

    def steps(self, rng: Generator, law: str = "normal") -> Tensor:
        """C / s of a draw: how far the inputs would move along each v_i to move the message by the noise, shape (k,)."""
        noisy = self.variances > 0
        amounts = self.variances.sqrt() * unit_noise(self.variances, rng, law)
        return torch.where(noisy, amounts / self.directions.values.where(noisy, 1.0), 0.0)

    def whiten(self, message: Tree, sigma: float) -> Tree:
        """Along every u_i with noise by sigma / (sigma^2 + even + a_i)^1/2, elsewhere by sigma / (sigma^2 + even)^1/2."""
        jacobian, (values, right) = self.directions.jacobian, self._noisy
        rest = sigma / (sigma**2 + self.even) ** 0.5 if self.even else 1.0
        if self.even:
            message = map_tree(lambda leaf: leaf * rest, message)
        if not len(values):
            return message
        shrink = self._shrink(sigma)[self.variances > 0].to(values) / rest
        amounts = right.T @ jacobian.rmatvec(flatten(message).to(values.dtype)) / values
        change = jacobian.matvec(right @ ((shrink - 1) * amounts / values))
        return map_tree(lambda leaf, moved: leaf + moved.to(leaf.dtype), message, unflatten(change, message))

    def seen_through(self, jacobian: Jacobian, sigma: float) -> Jacobian:
        """In closed form: V diag(s_i sigma / (sigma^2 + even + a_i)^1/2) V^T. The directions are those of this Jacobian, not stale ones."""
        plain = super().seen_through(jacobian, sigma)
        return _Shaped(plain.release, plain.net, plain.batch, plain.message, directions=self.directions, shrink=self._shrink(sigma))

    def _shrink(self, sigma: float) -> Tensor:
        return sigma / (sigma**2 + self.even + self.variances).sqrt()

    @functools.cached_property
    def _noisy(self) -> tuple[Tensor, Tensor]:
        """Singular values and directions with noise on them, in the Jacobian's precision and place."""
        like, kept = self.directions.jacobian.point, self.variances > 0
        return self.directions.values[kept].to(like), self.directions.right[:, kept].to(like)


@dataclasses.dataclass(frozen=True, eq=False)
class _Shaped(Jacobian):
    """W J with W = U diag(shrink) U^T + the rest, whose Gram matrix needs no product at all."""

    precise: bool = False
    directions: Directions | None = None
    shrink: Tensor | None = None

    def gram(self, progress: Callable[[int, int], bool] | None = None) -> Tensor:
        """V diag((shrink s)^2) V^T."""
        assert self.directions is not None and self.shrink is not None
        scaled = self.directions.right * (self.directions.values * self.shrink)
        return scaled @ scaled.T

    def dense(self, progress: Callable[[int, int], bool] | None = None) -> Tensor:
        """As the dense J, of which the directions came, with its band scaled."""
        assert self.directions is not None and self.shrink is not None
        right = self.directions.right
        rows = (self.directions.jacobian.sharp or self.directions.jacobian).dense(progress).cpu().double()
        return rows + (rows @ right * (self.shrink - 1)) @ right.T

    def resolved(self, largest: float) -> float:
        """What is lost in rounding is 0 already."""
        return 2 * torch.finfo(torch.float64).eps ** 0.5 * largest


def unit_noise(like: Tensor, rng: Generator, law: str) -> Tensor:
    """Independent numbers of variance 1, of the shape of `like`.

    Args:
        like: gives shape, precision and place.
        rng: on the CPU.
        law: one of LAWS; Laplace numbers come by inversion, and the end that would give infinity is moved inside.
    """
    if law == "normal":
        return randn_like(like, rng)
    u = (rand_like(like, rng) - 0.5).clamp(min=-0.5 + 1e-7)
    return -u.sign() * (1 - 2 * u.abs()).log() / 2**0.5
