"""Variable projection for noise in the tangent space: m = G(x) + J(x) d is solved for the picture x while the best d is always filled in."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ._fit import Slope
from ._priors import roots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from ._fit import Fit
    from ._matching import Watch

FIRST = 1e-3  # damping at the start of a stage, as a share of the mean curvature
BETTER, GOOD, WORSE = 0.1, 0.3, 5.0  # what becomes of the damping when a step more than halves the objective, makes it less, or does not
TRIALS = 10  # most dampings of one step
LITTLE = 1e-3  # gain, of the objective, below which a stage is over
NO_LESS = 1e-14  # of the largest entry: what R's diagonal is kept above where J has directions that move nothing
SHARP = 1e-10  # share of the right side to which d is solved at a trial
MOST = 200  # products of one such solution
LARGE, BLOCK = 1_000, 256  # unknowns above which a step takes half a minute or more, and columns that are multiplied at once there


@dataclasses.dataclass(frozen=True, eq=False)
class TangentQR:
    """J = Q R at one point. Q, (p, n), is what tells the tangent space from the rest; normal equations would lose half of the digits, which decide here."""

    q: Tensor
    r: Tensor

    @classmethod
    def of(cls, fit: Fit, z: Tensor, watch: Watch) -> TangentQR:
        """At z."""
        rows = z.new_empty(len(fit.target), len(z))
        push = torch.func.vmap(lambda v: torch.func.jvp(fit.map, (z,), (v,))[1], out_dims=1)
        for columns, units in _units(z, fit.at_once, watch):
            rows[:, columns] = push(units).detach()
        q, r = torch.linalg.qr(rows)
        diagonal = r.diagonal()
        least = NO_LESS * float(diagonal.abs().max().clamp(min=1e-300))
        diagonal.copy_(torch.where(diagonal.abs() < least, least, diagonal))
        return cls(q, r)

    def outside(self, u: Tensor) -> Tensor:
        """What of u, (p, ...), lies outside the tangent space."""
        return u - self.q @ (self.q.T @ u)

    def solve(self, y: Tensor) -> Tensor:
        """R^-1 y."""
        return torch.linalg.solve_triangular(self.r, y[:, None], upper=True)[:, 0]

    def solve_back(self, y: Tensor) -> Tensor:
        """R^-T y."""
        return torch.linalg.solve_triangular(self.r.T, y[:, None], upper=False)[:, 0]


@dataclasses.dataclass(eq=False)
class Projected:
    """The objective |target - G(z) - J(z) d(z)|^2 + weight |roots of the picture|^2, d(z) being the best d for z; in float64.

    K is the derivative of J(z) d by z. With d filled in, a step w of z moves what is left of the message by (I - J J^+) K w (Kaufman's form). Products with K are
    derivatives of a derivative; only Q of J = Q R is kept. Source: [D] theory T11; variable projection after golub1973differentiation.

    Attributes:
        fit: the message as a least squares problem, without noise or prior of its own.
        z: coordinates of the pictures, (n,).
        d: how far along each coordinate the tangent noise has moved the message, (n,).
        rest: what z and d leave of the message, (p,).
        loud: |K|^2, all of it: what the curvature is left over from, to the rounding of which it is known.
    """

    fit: Fit
    watch: Watch
    z: Tensor
    d: Tensor
    rest: Tensor | None = None
    weight: float = 0.0
    objective: float = math.inf
    frame: TangentQR | None = None
    loud: float = 0.0

    @property
    def misfit(self) -> float:
        """The share of the message, squared, that picture and tangent noise leave unexplained."""
        return math.inf if self.rest is None else float(self.rest.square().sum())

    def descend(self, weight: float, enough: float, little: float = LITTLE) -> None:
        """Steps at one weight of the prior until one gains no more than a little, as a share of the objective, or the misfit is at most `enough`.

        Raises:
            Enough: the watch has seen enough.
        """
        self.weight, damping = weight, FIRST
        self._settle(self.z)
        while self.misfit > enough:
            before = self.objective
            slope, curvature = self.curvature()
            for _ in range(TRIALS):
                z = self.z + _step(slope, curvature, damping)
                if self._objective(z) < before:
                    break
                damping *= WORSE
            else:
                z = self.z
            self._settle(z)
            damping *= BETTER if self.objective < 0.5 * before else GOOD
            self.watch.see(self.objective, self.fit.obs.template.at(self.fit.picture(self.z), self.fit.label))
            if not self.objective < (1 - little) * before:
                return

    def curvature(self) -> tuple[Tensor, Tensor]:
        """Downhill slope of half the objective, (n,), and its curvature K^T (I - J J^+) K with the prior's part, (n, n)."""
        assert self.rest is not None and self.frame is not None
        z, frame = self.z, self.frame
        back = torch.func.vjp(self._noise, z)[1]
        prior = self._prior
        slope = back(self.rest)[0].detach() - self.weight * (prior.T @ self._roots(z))
        if len(z) > LARGE:
            return slope, self._multiplied() + self.weight * (prior.T @ prior)
        push = torch.func.vmap(lambda v: torch.func.jvp(self._noise, (z,), (v,))[1], out_dims=1)
        pull = torch.func.vmap(lambda u: back(u)[0], in_dims=1)
        projected, self.loud = z.new_empty(len(z), len(z)), 0.0
        for columns, units in _units(z, self.fit.at_once, self.watch):
            moved = push(units).detach()
            self.loud += float(moved.square().sum())
            projected[columns] = pull(frame.outside(moved)).detach()
        return slope, (projected + projected.T) / 2 + self.weight * (prior.T @ prior)

    def _multiplied(self) -> Tensor:
        """K^T (I - J J^+) K from all columns of (I - J J^+) K, as large as the frame: for many unknowns in half the time, as no column is pulled back."""
        assert self.frame is not None
        push = torch.func.vmap(lambda v: torch.func.jvp(self._noise, (self.z,), (v,))[1], out_dims=1)
        moved, self.loud = self.z.new_empty(len(self.fit.target), len(self.z)), 0.0
        for columns, units in _units(self.z, self.fit.at_once, self.watch):
            moved[:, columns] = push(units).detach()
            self.loud += float(moved[:, columns].square().sum())
        found = self.z.new_empty(len(self.z), len(self.z))
        for start in range(0, len(self.z), BLOCK):
            block, stop = slice(start, start + BLOCK), min(start + BLOCK, len(self.z))
            moved[:, block] = self.frame.outside(moved[:, block])
            found[block, :stop] = moved[:, block].T @ moved[:, :stop]  # the lower half is enough
            self.watch.ask()
        return found.tril() + found.tril(-1).T

    def _settle(self, z: Tensor) -> None:
        """Move to z, with the tangent space there and the best d."""
        if self.frame is None or z is not self.z:
            self.z, self.frame = z, None  # the old one goes before the new one comes
            self.frame = TangentQR.of(self.fit, z, self.watch)
        left = self.fit.target - self.fit.map(z).detach()
        self.d, self.rest = self.frame.solve(self.frame.q.T @ left), self.frame.outside(left)
        self.objective = self.misfit + self._penalty(z)

    def _objective(self, z: Tensor) -> float:
        """The objective at a trial z: the best d by conjugate gradients, with the present R to make directions alike."""
        assert self.frame is not None
        slope, frame = Slope.of(self.fit, z), self.frame
        rest = slope.rest - slope.forth(self.d)
        r = frame.solve_back(slope.back(rest))
        p, now = r, float(r @ r)
        first = now
        for _ in range(MOST):
            if not SHARP**2 * first < now < math.inf:
                break
            moved = slope.forth(frame.solve(p))
            share = now / float(moved @ moved)
            rest = rest - share * moved  # d itself is not asked for: moving to z fills it in
            r = frame.solve_back(slope.back(rest))
            before, now = now, float(r @ r)
            p = r + now / before * p
        value = float(rest.square().sum()) + self._penalty(z)
        return value if math.isfinite(value) else math.inf

    def _noise(self, z: Tensor) -> Tensor:
        """J(z) d, with d held."""
        return torch.func.jvp(self.fit.map, (z,), (self.d,))[1]

    def _penalty(self, z: Tensor) -> float:
        return self.weight * float(self._roots(z).square().sum()) if self.weight else 0.0

    def _roots(self, z: Tensor) -> Tensor:
        return roots(self.fit.picture(z), self.fit.space.middle)

    @functools.cached_property
    def _prior(self) -> Tensor:
        """The prior's roots as a matrix on coordinates, (2n, n); they are affine."""
        none = self._roots(torch.zeros_like(self.z))
        return torch.func.vmap(lambda v: self._roots(v) - none)(torch.eye(len(self.z)).to(self.z)).T


def _step(slope: Tensor, curvature: Tensor, damping: float) -> Tensor:
    """The damped step; damping is a share of the mean curvature."""
    more = damping * float(curvature.diagonal().mean().clamp(min=1e-300))
    chol, bad = torch.linalg.cholesky_ex(curvature + more * torch.eye(len(slope)).to(slope))
    if not int(bad):
        return torch.cholesky_solve(slope[:, None], chol)[:, 0]
    values, vectors = torch.linalg.eigh(curvature)  # rounding has made it a little negative
    return vectors @ (vectors.T @ slope / (values.clamp(min=0) + more))


def _units(z: Tensor, few: int, watch: Watch) -> Iterator[tuple[slice, Tensor]]:
    """Unit vectors, a few at once, with their places; asks in between whether to go on."""
    for start in range(0, len(z), few):
        stop = min(start + few, len(z))
        units = z.new_zeros(stop - start, len(z))
        units.diagonal(start).fill_(1.0)
        yield slice(start, stop), units
        watch.ask()
