"""Levenberg-Marquardt: damped Gauss-Newton steps from low frequencies to all, solved by conjugate gradients behind a Cholesky factor."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ._fit import Slope

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ._fit import Fit
    from ._matching import Watch

DAMPING = 1e-3  # at the start, of J^T J along its slope
FASTEST = 0.1  # what a step that went as predicted leaves of the damping
GIVE_UP = 1e4  # growth of the damping in one go after which there is no way down
NEGLIGIBLE = 1e-6  # predicted gain, of the loss, below which a search is over
LITTLE = 0.3  # gain, of the loss, below which more frequencies are let in
STAGE = 4  # most steps with some frequencies only
PATIENCE = 8  # products in which a factor from an earlier point must have solved a step; else it is made anew, which is sooner done than many products
MOST = 400  # products of one step
EXACTLY = 1e-7  # singular values below this share of the largest count as zero; about the root of float64's rounding


@dataclasses.dataclass(eq=False)
class Factor:
    """M, about J^T J + damping: a Cholesky factor for the lowest unknowns, one number for the others."""

    gram: Tensor
    rest: float
    damping: float = -1.0
    chol: Tensor | None = None

    @classmethod
    def of(cls, fit: Fit, z: Tensor, count: int, dense: int, ask: Callable[[], None] = lambda: None) -> Factor:
        """At z, for the first `count` unknowns, `dense` of them in full; `ask` is called now and then, and what it raises ends the work."""
        if not (size := min(count, dense)):
            return cls(torch.zeros(0, 0, dtype=torch.float64, device=z.device), 0.0)
        gram = fit.gram(z.to(fit.target), size, ask)
        return cls(gram, float(gram.diagonal()[-max(1, size // 8) :].mean()))

    def damp(self, damping: float) -> bool:
        """Factorise for this damping, or keep a factor of about as much or more; False where there is none, as the Gram matrix is not finite."""
        if self.chol is not None and damping < 3 * self.damping:
            return True
        self.damping, more, diagonal = damping, damping, self.gram.diagonal()
        for _ in range(20):
            eye = torch.eye(len(self.gram), dtype=self.gram.dtype, device=self.gram.device)
            self.chol, bad = torch.linalg.cholesky_ex(self.gram + more * eye)
            if not int(bad):
                return bool(torch.isfinite(diagonal).all())
            more = max(10 * more, 1e-9 * float(diagonal.max()))  # a Gram matrix in single precision may be a little negative
        return False

    def solve(self, v: Tensor) -> Tensor:
        """M^-1 v."""
        size = len(self.gram)
        low = torch.cholesky_solve(v[:size, None], self.chol)[:, 0] if size and self.chol is not None else v[:0]
        return torch.cat([low, v[size:] / (self.rest + self.damping)])


def conjugate_gradients(
    product: Callable[[Tensor], Tensor], b: Tensor, solve: Callable[[Tensor], Tensor], tolerance: float, patience: int
) -> Tensor | None:
    """X with A x = b, A by its products and preconditioned by `solve`, to a share `tolerance` of b in the preconditioner's norm.

    None where it takes more than `patience` products; after MOST it hands over what it has.
    """
    x, r = torch.zeros_like(b), b
    y = solve(r)
    p, now = y, float(r @ y)
    first = now
    for count in range(1, MOST + 1):
        q = product(p)
        curve = float(p @ q)
        if not 0 < curve < math.inf or not 0 < now < math.inf:
            break
        x, r = x + now / curve * p, r - now / curve * q
        y = solve(r)
        before, now = now, float(r @ y)
        if not now > tolerance**2 * first:
            break
        if count == patience:
            return None
        p = y + now / before * p
    return x


@dataclasses.dataclass(eq=False)
class Newton:
    """The state of one descent.

    Attributes:
        fit: in float64.
        rough: the same in the precision of the net, for Gram matrices: they only help to solve.
        watch: sees every trial.
        dense: unknowns up to which the Gram matrix is made and factorised.
        z: coordinates, (n,).
    """

    fit: Fit
    rough: Fit
    watch: Watch
    dense: int
    z: Tensor
    damping: float = 0.0
    loss: float = math.inf
    gain: float = 0.0  # what the last step was predicted to take off the loss, as a share of it

    def descend(self, coarse: bool) -> None:
        """From z until the gain that a step predicts is negligible, or the watch has seen enough.

        Raises:
            Enough: the watch has.
        """
        self.loss = float((self.fit.target - self.fit.map(self.z)).square().sum())
        self.watch.see(self.loss, self.fit.obs.template.at(self.fit.picture(self.z), self.fit.label))
        for count in self.fit.levels() if coarse else [self.fit.size]:
            self._stage(count)

    def _stage(self, count: int) -> None:
        """Move the first `count` unknowns."""
        factor, number = None, 0
        while True:
            before, number = self.loss, number + 1
            slope = Slope.of(self.fit, self.z)
            factor = self._step(slope, count, factor)
            if factor is None or self.gain < NEGLIGIBLE:
                return
            if count < self.fit.size and (self.loss > (1 - LITTLE) * before or number == STAGE):
                return

    def _step(self, slope: Slope, count: int, factor: Factor | None) -> Factor | None:
        """One step that makes the loss less, and the factor that it took; None where there is none."""
        g, size = slope.back(slope.rest)[:count], self.fit.size
        if not self.damping:
            self.damping = DAMPING * float(g @ slope.normal(g, size) / (g @ g).clamp(min=1e-300))
        growth = 2.0
        while growth < GIVE_UP:
            factor, d = self._solve(slope, g, factor)
            if d is None:
                return None
            z = self.z.clone()
            z[:count] += d
            new = float((self.fit.target - self.fit.map(z)).square().sum())
            predicted = float(d @ (g + self.damping * d))
            self.gain = predicted / self.loss
            ratio = (self.loss - new) / predicted if predicted > 0 else -1.0
            if ratio > 0:
                # Nielsen's factor, but a third of his least one; times the fall of the loss, which keeps convergence quadratic
                self.damping *= max(FASTEST, 1 - (2 * min(ratio, 1.5) - 1) ** 3) * new / self.loss
                self.z, self.loss = z, new
            self.watch.see(self.loss, self.fit.obs.template.at(self.fit.picture(self.z), self.fit.label))
            if ratio > 0:
                return factor
            if not self.gain > NEGLIGIBLE:
                break
            self.damping, growth = self.damping * growth, 2 * growth
        return None

    def _solve(self, slope: Slope, g: Tensor, factor: Factor | None) -> tuple[Factor | None, Tensor | None]:
        """D with (J^T J + damping) d = g, behind a factor of an earlier point while that serves."""

        def product(v: Tensor) -> Tensor:
            self.watch.ask()
            return slope.normal(v, self.fit.size) + self.damping * v

        tolerance = min(0.1, 0.1 * self.loss**0.5)
        if factor is not None and factor.damp(self.damping):
            d = conjugate_gradients(product, g, factor.solve, tolerance, PATIENCE if len(factor.gram) else MOST + 1)
            if d is not None:
                return factor, d
        factor = Factor.of(self.rough, self.z, len(g), self.dense, self.watch.ask)
        if not factor.damp(self.damping):
            return None, None
        return factor, conjugate_gradients(product, g, factor.solve, tolerance, MOST + 1)


def openness(gram: Tensor) -> tuple[int, float]:
    """How many directions a Gram matrix J^T J leaves open, and about what J's smallest singular value is as a share of its largest.

    Args:
        gram: float64, (n, n).
    """
    v = torch.ones_like(gram[0])
    for _ in range(10):
        v = gram @ (v / v.norm().clamp(min=1e-300))
    largest = float(v.norm())
    shifted = gram - EXACTLY**2 * largest * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    chol, bad = torch.linalg.cholesky_ex(shifted)  # succeeds just where all eigenvalues are larger; a tenth of the price of all of them
    if int(bad) or not largest > 0:
        values = torch.linalg.eigvalsh(gram).clamp(min=0)
        return int((values <= EXACTLY**2 * values[-1]).sum()), float((values[0] / values[-1].clamp(min=1e-300)).sqrt())
    v = torch.ones_like(gram[0])
    for _ in range(10):
        v = torch.cholesky_solve((v / v.norm())[:, None], chol)[:, 0]
    return 0, float(1 / v.norm() / largest + EXACTLY**2) ** 0.5
