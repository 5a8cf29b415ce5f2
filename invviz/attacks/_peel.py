"""One convolution peeled off: its input from its output and its weight gradient, both of which are linear in it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

DENSE = 4096  # unknowns up to which the normal equations are written down and factorised
CHUNK = 256  # unit pictures that are convolved at once
REFINEMENTS = 5  # steps x <- x + (N + r I)^-1 A^T (b - A x): they give back digits that the normal equations lose
ROUNDS = 1000  # most steps of conjugate gradients, where there are more unknowns ...
FEW = 100  # ... or fewer independent equations than unknowns, so that no number of steps would do
DONE = 1e-14  # share of the right-hand side at which these end
OPEN = 1e-6  # singular values below this share of the largest count as zero


@dataclasses.dataclass(frozen=True, eq=False)
class Peeled:
    """What the equations of a layer say of its input, and how well they determine it."""

    value: Tensor  # in the shape of the layer's input
    equations: int
    unknowns: int
    rank: int
    counted: bool  # the rank is no more than this, by counting equations; else it was computed
    residual: float  # share of the right-hand side (root of the sum of squares) that no input explains


@dataclasses.dataclass(frozen=True, eq=False)
class Equations:
    """All that a convolution says of its input x, shape (1, c, h, w): W * x = u - b and, for each weight, dL/dW = corr(x, k).

    Args:
        layer: the convolution.
        shape: of x.
        output: u - b, shape (1, o, h', w').
        sure: how much each entry of `output` counts, same shape; 0: unknown.
        slope: k, the gradient by the layer's output, same shape.
        gradient: of the loss by the weights, shape (o, c, p, q).
        sent: how much each entry of `gradient` counts, same shape; 0: unknown.
    """

    layer: nn.Conv2d
    shape: tuple[int, ...]
    output: Tensor
    sure: Tensor
    slope: Tensor
    gradient: Tensor
    sent: Tensor

    def solve(self, middle: float, error: float) -> Peeled:
        """The input that fits all equations best, and closest to `middle` in what they leave open.

        Args:
            middle: value of an input of which nothing is known.
            error: of the equations, as a share of their right-hand sides: directions that they know less well are held back.
        """
        matrix = self._correlation()
        channels = self.shape[1]
        weight, target = self._by_channel(self.sent), self._by_channel(self.gradient)
        start = torch.full(self.shape, middle).to(self.output)

        def forward(x: Tensor) -> tuple[Tensor, Tensor]:
            return self._conv(x) * self.sure, (x.reshape(len(x), channels, -1) @ matrix.T) * weight

        def back(first: Tensor, second: Tensor) -> Tensor:
            return self._conv_back(first * self.sure) + ((second * weight) @ matrix).view(-1, *self.shape[1:])

        aim = (self.output * self.sure, (target * weight)[None])
        rest = lambda x: tuple(b - a for a, b in zip(forward(x), aim, strict=True))  # noqa: E731
        gram = torch.einsum("rs,cr,rt->cst", matrix, weight**2, matrix)
        unknowns, equations = start.numel(), int((self.sure > 0).sum()) + int((self.sent > 0).sum())
        rank, counted = self._count(gram, equations)
        if counted and unknowns <= DENSE:
            x, rank, counted = *self._factorised(start, gram, lambda x: back(*rest(x)), error), False
        else:
            x = self._iterated(start, gram, rest, forward, back, ROUNDS if rank == unknowns else FEW)
        left = sum(float(r.square().sum()) for r in rest(x))
        size = sum(float(b.square().sum()) for b in aim)
        return Peeled(x, equations, unknowns, rank, counted, (left / size) ** 0.5 if size else 0.0)

    def _factorised(self, x: Tensor, gram: Tensor, pull, error: float) -> tuple[Tensor, int]:
        """The answer by Cholesky and refinement, and the rank by the inertia of the normal matrix (Sylvester)."""
        n, channels = x.numel(), self.shape[1]
        normal = torch.empty(n, n).to(x)
        units = torch.eye(n).to(x).view(n, *self.shape[1:])
        for at in range(0, n, CHUNK):
            part = self._conv(units[at : at + CHUNK]) * self.sure**2
            normal[at : at + CHUNK] = self._conv_back(part).flatten(1)
        for c, block in enumerate(normal.view(channels, n // channels, channels, n // channels).diagonal(dim1=0, dim2=2).unbind(-1)):
            block += gram[c]
        largest = _largest(normal) or 1.0
        rank = n - _negatives(normal - OPEN**2 * largest * units.view(n, n))
        rounding = (1e-15 if rank == n else 1e-9) * largest  # more where there are directions that rounding alone would fill
        held = max(10 * error**2, rounding)
        factor = torch.linalg.cholesky(normal + held * units.view(n, n))
        for _ in range(REFINEMENTS if held == rounding else 1):
            x = x + torch.cholesky_solve(pull(x).view(n, 1), factor).view_as(x)
        return x, rank

    def _iterated(self, x: Tensor, gram: Tensor, rest, forward, back, rounds: int) -> Tensor:
        """The answer by conjugate gradients; the correlations, which do not mix channels, are solved exactly within each step."""
        typical = float((self.sure**2).mean() * self.layer.weight.square().sum() / self.shape[1])
        typical = max(typical, 1e-9 * float(gram.abs().max())) or 1.0
        stiff = torch.linalg.cholesky(gram + typical * torch.eye(gram.shape[1]).to(gram))
        ease = lambda r: torch.cholesky_solve(r.reshape(len(gram), -1, 1), stiff).view_as(r)  # noqa: E731
        left = rest(x)
        pull = back(*left)
        eased = ease(pull)
        way, size = eased, float((pull * eased).sum())
        first = size
        for _ in range(rounds):
            if not size > DONE**2 * first:
                break
            moved = forward(way)
            step = size / sum(float(m.square().sum()) for m in moved)
            x, left = x + step * way, tuple(a - step * m for a, m in zip(left, moved, strict=True))
            pull = back(*left)
            eased = ease(pull)
            size, before = float((pull * eased).sum()), size
            way = eased + size / before * way
        return x

    def _count(self, gram: Tensor, equations: int) -> tuple[int, bool]:
        """The rank where the weight gradient alone determines everything; else the most that it can be.

        A sum of forward equations weighed with k_o' is a sum of gradient equations weighed with W_o, for each o and o': one of them is superfluous.
        """
        spectra = torch.linalg.eigvalsh(gram)
        ranks = (spectra > OPEN**2 * spectra[:, -1:]).sum(1)
        unknowns, outputs = gram.shape[0] * gram.shape[1], self.slope.shape[1]
        if int(ranks.min()) == gram.shape[1]:
            return unknowns, False
        known = int((self.sure > 0).sum())
        twice = outputs**2 if known == self.sure.numel() else outputs
        return min(unknowns, equations, known + int(ranks.sum()) - twice), True

    def _conv(self, x: Tensor) -> Tensor:
        layer = self.layer
        return torch.nn.functional.conv2d(x, layer.weight, None, layer.stride, cast("int", layer.padding), layer.dilation)

    def _conv_back(self, r: Tensor) -> Tensor:
        return conv_back(self.layer, self.layer.weight, (len(r), *self.shape[1:]), r)

    def _correlation(self) -> Tensor:
        """The correlation with k as a matrix, the same for every input channel: rows (o, p, q), columns (h, w)."""
        outputs, _, p, q = self.gradient.shape
        taps = torch.eye(p * q).to(self.slope).view(1, p * q, p, q)  # one output for each place in the kernel
        slope = self.slope.view(outputs, 1, *self.slope.shape[2:])
        return conv_back(self.layer, taps, (outputs, p * q, *self.shape[2:]), slope).reshape(outputs * p * q, -1)

    def _by_channel(self, leaf: Tensor) -> Tensor:
        """(o, c, p, q) as (c, o p q)."""
        return leaf.transpose(0, 1).flatten(1)


def conv_back(layer: nn.Conv2d, weight: Tensor, shape: tuple[int, ...], r: Tensor) -> Tensor:
    """The transpose of a convolution like `layer` with another weight: from numbers at its output to its input of this shape."""
    grad = cast("Any", torch.nn).grad
    return grad.conv2d_input(shape, weight, r, layer.stride, layer.padding, layer.dilation)


def _largest(normal: Tensor) -> float:
    """The largest eigenvalue, nearly, by the power method."""
    v = torch.ones(len(normal)).to(normal)
    for _ in range(20):
        v = normal @ (v / v.norm())
    return float(v.norm())


def _negatives(matrix: Tensor) -> int:
    """How many negative eigenvalues a symmetric matrix has: those of the blocks of its LDL factorisation."""
    factor, pivots, _ = torch.linalg.ldl_factor_ex(matrix.cpu())  # LAPACK: not every GPU library has it
    pairs = int((pivots < 0).sum()) // 2  # a block of two has one negative eigenvalue
    return pairs + int((factor.diagonal()[pivots > 0] < 0).sum())
