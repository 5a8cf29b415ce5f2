"""Factors of a low-rank matrix of which one side is sparse: found by null vectors of a few rows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.tree import randn_like

if TYPE_CHECKING:
    from torch import Generator, Tensor

ROUNDING = 2.0**-52  # of the largest singular value: what the decomposition itself adds to an entry
SIGMAS = 6.0  # times the noise of an entry: below this it is taken for zero
LOOSE = 1e-3  # of the root mean square of a direction: nearly zero, before it is fitted to all such rows
KEPT = 128  # most candidates; the sparsest stay
REFITS = 256  # most candidates of a chunk that are fitted
AMPLIFIED = 100.0  # by how much r - 1 rows may make the noise in their null vector larger
LEVERAGE = 1e-9  # distance from one at which a row stands alone
NEW = 1e-5  # sine of the angle below which two directions are the same one, or one depends on others


@dataclasses.dataclass(frozen=True, eq=False)
class Factors:
    """G = U S V^T of rank r, cut off there; U S = G V, so the noise of its entries is that of the entries of G."""

    u: Tensor  # (m, r)
    s: Tensor  # (r,)
    v: Tensor  # (n, r)
    noise: float  # standard deviation of an entry of G, by the singular values that are cut off

    @classmethod
    def of(cls, matrix: Tensor, most: int, rounding: float) -> Factors:
        """The factors of a matrix (m, n), of rank `most` or less.

        Args:
            matrix: in float64.
            most: rank that it would have without noise, at most.
            rounding: relative error of its entries.
        """
        u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
        rms = float(matrix.square().mean().sqrt())
        rank = int((s > 4 * rounding * max(matrix.shape) ** 0.5 * s[0]).sum())
        rank = min(rank, most)
        left = max((matrix.shape[0] - rank) * (matrix.shape[1] - rank), 1)
        noise = max(float((s[rank:].square().sum() / left).sqrt()), rounding * rms, ROUNDING * float(s[0]))
        return cls(u[:, :rank], s[:rank], vh[:rank].T, noise)

    @property
    def rank(self) -> int:
        """The rank r."""
        return len(self.s)

    def spread(self, q: Tensor) -> Tensor:
        """Standard deviation of the entries of U q, for directions q (k, r)."""
        return self.noise * (q / self.s).norm(dim=1)


@dataclasses.dataclass(frozen=True, eq=False)
class Directions:
    """Directions q of length one, shape (k, r), and which entries of U q are zero, (k, m): the most likely first.

    A sum of two columns of Q is zero where both are, and in one more row that a drawing happened to take. It gives itself away: without that row it would not be
    determined. `critical` counts such rows of each direction, (k,). Source: [D].
    """

    q: Tensor
    off: Tensor
    critical: Tensor

    @classmethod
    def none(cls, factors: Factors) -> Directions:
        """No direction yet."""
        u = factors.u
        return cls(u.new_zeros(0, factors.rank), u.new_zeros(0, len(u)).bool(), u.new_zeros(0).long())

    def joined(self, other: Directions) -> Directions:
        """Both, without those that are there already: first those with few critical rows, then the sparsest."""
        q, off, critical = (torch.cat([getattr(d, f.name) for d in (self, other)]) for f in dataclasses.fields(self))
        order = (critical * off.shape[1] - off.sum(1)).argsort(stable=True)
        q, off, critical = q[order], off[order], critical[order]
        fresh = ~((q @ q.T).abs() > 1 - NEW**2).tril(-1).any(1)
        return Directions(q[fresh][:KEPT], off[fresh][:KEPT], critical[fresh][:KEPT])


def sampled(factors: Factors, live: Tensor, known: Tensor, count: int, rng: Generator) -> Directions:
    """Directions that are zero in more rows than those r - 1, drawn at random, of which they are the null vector (dimitrov2024spear).

    Args:
        factors: of the gradient.
        live: numbers of the rows that are not zero.
        known: directions (k, r) that are found already: what depends on them is no news.
        count: drawings.
        rng: of the drawings.
    """
    r, u = factors.rank, factors.u
    if len(live) < r:
        return Directions.none(factors)
    drawn = torch.rand(count, len(live), generator=rng).topk(r - 1, dim=1).indices.to(live.device)
    system = torch.cat([u[live[drawn]], randn_like(u.new_empty(count, 1, r), rng)], 1)
    goal = torch.zeros(count, r, 1).to(u)
    goal[:, -1] = 1.0
    q = torch.linalg.solve_ex(system, goal)[0].squeeze(2)
    q = q / q.norm(dim=1, keepdim=True)
    values = (q @ u[live].T).abs()
    spread = SIGMAS * factors.spread(q)
    near = values <= torch.maximum(torch.minimum(LOOSE * values.square().mean(1).sqrt(), AMPLIFIED * spread), spread)[:, None]
    basis = torch.linalg.qr(known.T)[0]
    news = (q - (q @ basis) @ basis.T).norm(dim=1) > LOOSE
    number = torch.where(torch.isfinite(q).all(1) & news, near.sum(1), 0)
    number, near = (part[number >= least(r)] for part in (number, near))
    _, place = (near.to(u) @ torch.rand(len(live), generator=rng).to(u)).unique(
        return_inverse=True
    )  # sets of zeros that are the same have one sum
    first = (
        torch.full((int(place.max()) + 1 if len(place) else 0,), count)
        .to(place)
        .scatter_reduce(0, place, torch.arange(len(place)).to(place), "amin")
    )
    first = first[number[first].topk(min(REFITS, len(first))).indices]
    return _fitted(factors, live, near[first])


def least(r: int) -> int:
    """Zeros below which a direction is not told from the null vector of any r - 1 rows; with r = 2 those are few enough to try them all."""
    return r if r > 2 else r - 1


def _fitted(factors: Factors, live: Tensor, masks: Tensor) -> Directions:
    """For each set of rows the direction that is nearest to zero in all of them, where there is one and only one."""
    r = factors.rank
    rows = (factors.u * factors.s)[live]
    for _ in range(2):
        if not len(masks):
            return Directions.none(factors)
        left, sizes, vh = torch.linalg.svd(rows * masks[..., None], full_matrices=False)
        q = vh[:, -1] * factors.s
        q = q / q.norm(dim=1, keepdim=True)
        after = (q @ factors.u[live].T).abs() <= SIGMAS * factors.spread(q)[:, None]
        lone = _critical(left[..., :-1], sizes[:, :-1], SIGMAS * factors.noise * r**0.5) & masks
        sure = (sizes[:, :-1] > SIGMAS * factors.noise * r**0.5).all(1) & (after.sum(1) >= least(r))
        q, masks, critical = q[sure], after[sure], lone[sure].sum(1)
    off = torch.ones(len(q), len(factors.u), dtype=torch.bool, device=q.device)
    off[:, live] = masks
    return Directions.none(factors).joined(Directions(q, off, critical))


def _critical(left: Tensor, sizes: Tensor, noise: float) -> Tensor:
    """The rows without which a matrix of these left singular vectors (k, m, r) and singular values (k, r) would lose rank, (k, m).

    A row with leverage h is what the others leave open along w; without it |A w|^2 falls from h to h (1 - h).
    """
    leverage, reach = left.square().sum(2), (left / sizes[:, None]).square().sum(2)
    return (1 - leverage) * leverage <= torch.maximum(noise**2 * reach, LEVERAGE * leverage)
