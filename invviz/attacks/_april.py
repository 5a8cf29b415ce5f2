"""The linear equations of APRIL, A^T x = y: A is the gradient by the tokens, x a row for every patch, y comes from gradients of weights."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ._base import Unreadable

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Tree
    from ._tokens import Front


ERRS = 3  # roundings of their root mean square by which the entries of a gradient err (measured in float32: 1 and 10 are worse by some dB)


@dataclasses.dataclass(frozen=True, eq=False)
class Solved:
    """Patches and how far they can be trusted."""

    patches: Tensor  # above black, (patches, numbers of a patch)
    unknowns: int  # patches
    rank: int  # of their gradients, in those equations that are complete
    residual: float  # share (root of the sum of squares) of the right-hand sides that no patches explain
    blur: float  # error of the patches, from the errors of the message's entries, about, over half of grey
    told: int  # numbers of a patch that its token tells
    lost: float  # share of equations with an entry that was not sent


@dataclasses.dataclass(frozen=True, eq=False)
class System:
    """Equations for what is embedded (patches) or for what comes of it (tokens), both counted from those of a black picture.

    Args:
        slopes: A of the patches, (patches, width).
        right: y, (width, columns).
        use: which equations are complete, likewise; 1 or 0.
        size: of the gradients of weights in y.
        sums: what a sum of bias gradients is, less what A says that it is, (width,); zeros where it cannot be told.
        embed: W (width, numbers of a patch) where x are tokens, W p; None where they are patches p.
    """

    slopes: Tensor
    right: Tensor
    use: Tensor
    size: float
    sums: Tensor
    embed: Tensor | None = None

    def solve(self, grey: float, rounding: float) -> Solved:
        """The most likely patches, if they are grey +- half of that; so what the equations leave open stays grey.

        Args:
            grey: every number of a grey patch.
            rounding: of the message's entries, relative.

        Raises:
            Unreadable: no equation is complete, or their numbers are too large.
        """
        if not bool(torch.isfinite(self.right).all() and math.isfinite(self.size)):
            raise Unreadable("The numbers of the message are too large: nothing can be read off it.")
        if not bool(self.use.any()):
            raise Unreadable("Every equation lacks an entry that was not sent: nothing can be read off the message.")
        wide, embed = (self.right if self.embed is None else self.embed).shape[1], self.embed
        start, spread = torch.full((len(self.slopes), wide), grey).to(self.right), abs(grey) / 2
        x, wider = (start.clone(), spread) if embed is None else (start @ embed.T, spread * float(embed.norm()) / len(embed) ** 0.5)
        rank, err = torch.zeros(2, x.shape[1]).to(x)
        per_entry = ERRS * rounding * self.size / float(self.use.sum()) ** 0.5
        patterns, which = self.use.unique(dim=1, return_inverse=True)
        for k, rows in enumerate(patterns.T):
            some = which == k
            matrix = self.slopes.T * rows[:, None]
            right = self.right[:, some] * rows[:, None] - matrix @ x[:, some]
            step, rank[some], err[some] = most_likely(matrix, right, per_entry, wider, rounding)
            x[:, some] += step
        left = ((self.right - self.slopes.T @ x) * self.use).square().sum() + self.sums.square().sum()
        residual, lost = float(left.sqrt()) / self.size, float(1 - self.use.mean())
        if embed is None:
            return Solved(x, len(x), int(rank.min()), residual, float(err.max()) / spread, wide, lost)
        best = (rank == rank.max()).to(x)[:, None]  # numbers of the tokens that are known best
        step, told, blur = most_likely(embed * best, (x.T - embed @ start.T) * best, float(err.max()), spread, torch.finfo(x.dtype).eps)
        return Solved(start + step.T, len(x), int(rank.max()), residual, blur / spread, told, lost)


def by_embedding(net: Front, sent: Tree, shown: Tree, params: Tree) -> System:
    """dL/dW = A^T p of the patch embedding z = W p + w + e, since dL/dz = dL/de = A for one sample. Source: [D]; the sum: dL/dw = A^T 1."""
    a, gradient = sent[net.positions][net.extra :], sent[f"{net.embed}.weight"]
    rows = _enough(shown[net.positions][net.extra :].amin(0), len(a))
    use, bias = rows[:, None] * shown[f"{net.embed}.weight"], f"{net.embed}.bias"
    sums = (sent[bias] - a.sum(0)) * rows * shown[bias] if bias in sent else torch.zeros_like(rows)
    return System(a, gradient - net.shift * a.sum(0)[:, None], use, _size(gradient * use), sums)


def by_attention(net: Front, sent: Tree, shown: Tree, params: Tree) -> System:
    """sum_W W^T dL/dW = A^T z over query, key and value of the first attention. Source: [P] lu2022april, and [D] for the sum, sum_W W^T dL/dw = A^T 1."""
    a, embed = sent[net.positions], params[f"{net.embed}.weight"]
    rows = _enough(shown[net.positions].amin(0), len(net.place))
    pull = lambda kind: sum(params[f"{r}.weight"].T @ sent[f"{r}.{kind}"] for r in net.readers)  # noqa: E731
    whole = _enough(torch.stack([shown[f"{r}.weight"].amin(0) for r in net.readers]).amin(0), embed.shape[1])
    gradient, use = pull("weight"), rows[:, None] * whole
    sums = torch.zeros_like(rows)
    if all(f"{r}.bias" in sent for r in net.readers) and all(bool(shown[f"{r}.bias"].all()) for r in net.readers):
        sums = (pull("bias") - a.sum(0)) * rows
    right = gradient - a.T @ net.black
    return System(a[net.extra :], right, use, _size(gradient * use), sums, embed)


def most_likely(matrix: Tensor, right: Tensor, error: float, spread: float, rounding: float) -> tuple[Tensor, int, float]:
    """Least squares for x ~ N(0, spread^2) and normal errors of the right-hand side.

    Returns:
        x, the matrix's rank up to `rounding`, and the root mean square error of x where those directions are left out that the prior decides.
    """
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    damped = values / (values.square() + (error / spread) ** 2).clamp(min=1e-300)
    rank = int((values > max(matrix.shape) * rounding * values[0]).sum())
    return v.T @ (damped[:, None] * (u.T @ right)), rank, error * float(damped.square().sum() / matrix.shape[1]) ** 0.5


def _enough(complete: Tensor, least: int) -> Tensor:
    """Which equations are complete, 1 or 0; all where those are too few: what was held back is then taken for 0, since it is small as a rule."""
    return complete if float(complete.sum()) >= least else torch.ones_like(complete)


def _size(leaf: Tensor) -> float:
    return float(leaf.norm()) or 1.0
