"""The spectrum without a matrix: the strongest directions, and InvLoss with an error bar, from some hundred Jacobian products."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import Cancelled
from ..core.lazy import torch
from ..core.rng import derive, stream
from ..core.tree import norm, randn_like
from ._krylov import Krylov
from ._memory import room
from .decomposition import Decomposition
from .invloss import floor_sigma
from .quadrature import Quadrature
from .spectrum import in_pictures, whitened

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .jacobian import Jacobian
    from .prior import Prior

PROBES = 3  # random vectors per space; there are two spaces
LEAST = 128  # products that are always made; twice as many for inputs that no exact method serves
SHARE, MOST = 4, 768  # where they cost little: n / SHARE of them, at most so many
BIG = 8_192  # inputs from which on it is twice as many
LEADING = 3  # vectors, and at most
LEADING_BLOCKS = 5  # blocks of the space in which J's own leading singular values are found, where the prior is not white
LIGHT = 1e7  # bytes that one evaluation of a release writes, below which float64 costs little
WORK = 2e10  # bytes that all products may write, beyond the least number of them
FIRST, FIRST_LEAST = 72, 16  # products of a first sketch, which takes about a second, at most and at least
FIRST_WORK = 8e8  # bytes that its products may write, beyond the least number of them
REFERENCE = 1e-2  # share of the message's root mean square: noise at which the quadrature is to be sharp
SHARP = 1e-3  # gap between the two quadrature rules, as a share of the probes' variance, that ends the search
LOOK_EVERY = 8  # blocks
BLOCKS = 3  # of each space that are always made: with one the interval never held the true value (of 36 probes), with two not always
ROUNDING = 4  # times the precision and the largest node: nodes below are rounding noise


def sketch(
    jacobian: Jacobian,
    x: Tensor,
    prior: Prior,
    progress: Callable[[int, int], bool] | None = None,
    products: int | None = None,
    seed: int = 0,
    over: Callable[[], bool] | None = None,
) -> Decomposition:
    """Two block Krylov spaces of M = C^1/2 J^T J C^1/2, each from its own random probes; nothing of the size n^2 or n p is stored.

    The first space also holds what the attacker hears, C^1/2 J^T of the message's signal and of one draw of its noise, so that the ideal attacker's guess
    is that of (block) conjugate gradients, for every noise level at once. Gains and singular values are lower bounds of the true ones, one by one.
    Source: [D] for what is computed; methods as in `Quadrature` and `Krylov`.

    Args:
        jacobian: of the (defended) release at `x`.
        x: the private batch, shape (b, c, h, w) in [0, 1].
        prior: of the same shape and batch size.
        progress: called with (done, total) products; answering False cancels.
        products: most products J^T J v; None chooses by their cost. The search ends earlier once the quadrature is sharp at 1 % noise.
        seed: of the probes.
        over: asked before every block of products but the first three of each space; True ends the search, and the intervals are of what is known then.

    Raises:
        Cancelled: `progress` answered False.
        RiskError: the products are not finite or do not fit in memory.
    """
    begin = time.perf_counter()
    if x.shape != (prior.batch, *prior.shape):
        raise ValueError(f"the prior is for {(prior.batch, *prior.shape)}, the batch has {tuple(x.shape)}.")
    with room("the sketch"):
        return _sketch(_affordable(jacobian), x, prior, progress or (lambda done, total: True), products, seed, begin, over)


def _sketch(
    jacobian: Jacobian,
    x: Tensor,
    prior: Prior,
    tell: Callable[[int, int], bool],
    products: int | None,
    seed: int,
    begin: float,
    over: Callable[[], bool] | None,
) -> Decomposition:
    most = products or budget(prior.size, jacobian.work)
    message = float(norm(jacobian.message))
    probes = [_probes(prior, seed, space) for space in range(2)]
    signal, noise = _product(jacobian, prior, whitened(x, prior)[:, None])[:, 0], _noise(jacobian, prior, seed)
    leading = None if prior.name == "white" else _leading(jacobian, most, seed)
    spent = 1 + (leading.products if leading else 0)
    starts = [np.column_stack([probes[0], signal, noise]), probes[1]]
    spaces = [Krylov(lambda block: _product(jacobian, prior, block), start[:, : prior.size]) for start in starts]
    _grow(spaces, probes, most - spent, floor_sigma(message, jacobian.shape[0], REFERENCE), tell, over)
    gains, vectors = spaces[0].ritz()
    singular = np.sqrt(leading.ritz()[0][::-1] if leading else gains[::-1] * (prior.size / prior.trace))
    resolved = 2 * torch.finfo(jacobian.point.dtype).eps ** 0.5 * float(singular[0])
    ritz = spaces[0].known @ vectors
    arrays, rest = in_pictures(x, prior, gains, ritz, resolved, heard=np.stack([signal @ ritz, noise @ ritz]))
    return Decomposition(
        singular,
        **arrays,  # type: ignore[arg-type]
        shape=tuple(x.shape),  # type: ignore[arg-type]
        message_norm=message,
        num_message=jacobian.shape[0],
        prior=prior.name,
        resolved=resolved,
        method="sketch",
        seconds=time.perf_counter() - begin,
        rest=rest,
        products=sum(space.products for space in spaces) + spent,
        rows=jacobian.shape[0],
        quadrature=_quadrature(spaces, probes, prior, torch.finfo(jacobian.point.dtype).eps),
    )


def budget(size: int, work: float) -> int:
    """How many products a sketch makes.

    Args:
        size: n.
        work: bytes that one evaluation of the release writes.
    """
    least = LEAST * (2 if size >= BIG else 1)
    return int(np.clip(WORK / work, least, max(least, min(MOST, size // SHARE))))


def least_products(white: bool, blocks: int = BLOCKS) -> int:
    """How many products a sketch makes at least, however little time there is: with fewer its interval does not hold.

    Args:
        white: whether the prior is white.
        blocks: of each space.
    """
    return 1 + blocks * (2 * PROBES + 2) + (0 if white else LEADING * LEADING_BLOCKS)


def first_budget(work: float) -> int:
    """How many products a first sketch makes, whose only aim is to be there within about a second.

    Args:
        work: bytes that one evaluation of the release writes.
    """
    return int(np.clip(FIRST_WORK / work, FIRST_LEAST, FIRST))


def _affordable(jacobian: Jacobian) -> Jacobian:
    """The Jacobian in float64 where that costs little."""
    return (jacobian.sharp or jacobian) if jacobian.precise and jacobian.work < LIGHT else jacobian


def _probes(prior: Prior, seed: int, space: int) -> np.ndarray:
    """Random vectors whose outer products have the mean C, as columns (n, PROBES)."""
    draws = np.random.default_rng(derive(seed, f"probes of space {space}")).standard_normal((PROBES, prior.size))
    return prior.probe(draws).T


def _product(jacobian: Jacobian, prior: Prior, block: np.ndarray) -> np.ndarray:
    """C^1/2 J^T J C^1/2 times columns."""
    return prior.sqrt_apply(_normal(jacobian, prior.sqrt_apply(np.ascontiguousarray(block.T)))).T


def _normal(jacobian: Jacobian, rows: np.ndarray) -> np.ndarray:
    """J^T J times rows."""
    return jacobian.normal(torch.as_tensor(rows).to(jacobian.point)).detach().cpu().double().numpy()


def _grow(
    spaces: list[Krylov],
    probes: list[np.ndarray],
    most: int,
    sigma: float,
    tell: Callable[[int, int], bool],
    over: Callable[[], bool] | None,
) -> None:
    """Grow both spaces in turn until the products are used up, the two quadrature rules agree, or it is over."""
    blocks = 0
    while True:
        for space in spaces:
            done = sum(s.products for s in spaces)
            enough = blocks > 0 and done + space.last.shape[1] > most
            if enough or all(s.exhausted for s in spaces) or (blocks >= BLOCKS and over is not None and over()):
                return
            space.grow()
            if not tell(min(done + space.last.shape[1], most), most):
                raise Cancelled("Stopped: the sketch was not finished.")
        blocks += 1
        if blocks % LOOK_EVERY == 0 and max(_gap(s, b, sigma) for s, b in zip(spaces, probes, strict=True)) < SHARP:
            return


def _gap(space: Krylov, probes: np.ndarray, sigma: float) -> float:
    """How far the two quadrature rules are apart on the space's own probes, as a share of the probes' squared length."""
    rules = [_shares(space, rule, probes) for rule in (space.ritz(), space.radau())]
    learned = [(nodes / (nodes + sigma**2)) @ own.sum(axis=1) for nodes, own in rules]
    return float(learned[0] - learned[1]) / float((probes**2).sum())


def _shares(space: Krylov, rule: tuple[np.ndarray, np.ndarray], probes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of a rule, and squared shares of the probes on them."""
    nodes, vectors = rule
    return nodes, (vectors.T @ (space.known.T @ probes)) ** 2


def _noise(jacobian: Jacobian, prior: Prior, seed: int) -> np.ndarray:
    """One draw of C^1/2 J^T eps, eps standard normal on the message: what noise of the message does to the picture, (n,)."""
    draw = randn_like(
        torch.empty(jacobian.shape[0], dtype=jacobian.point.dtype, device=jacobian.point.device), stream(seed, "noise of the sketch")
    )
    return prior.sqrt_apply(jacobian.rmatvec(draw).detach().cpu().double().numpy())


def _leading(jacobian: Jacobian, most: int, seed: int) -> Krylov:
    """A small space of J^T J itself, for a fifth of the products: a prior that is not white turns away from J's own strongest directions."""
    n = jacobian.shape[1]
    start = np.random.default_rng(derive(seed, "leading directions")).standard_normal((n, min(LEADING, n)))
    space = Krylov(lambda block: _normal(jacobian, block.T.copy()).T, start)
    for _ in range(max(1, min(LEADING_BLOCKS, most // (5 * LEADING)))):
        space.grow()
    return space


def _quadrature(spaces: list[Krylov], probes: list[np.ndarray], prior: Prior, eps: float) -> Quadrature:
    """What both spaces know, padded to the same length.

    Nodes below the rounding of the products may be learned or not: one rule takes them for as large as they may be, the other for nothing.
    """
    most = max(space.ready for space in spaces)
    pad = lambda array: np.pad(array, [(0, most - len(array))] + [(0, 0)] * (array.ndim - 1))  # noqa: E731
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("nodes", "own", "radau_nodes", "radau_own", "weights", "cross", "norms")}
    for space, own, other in zip(spaces, probes, probes[::-1], strict=True):
        nodes, vectors = space.ritz()
        ritz = space.known @ vectors
        least = ROUNDING * eps * nodes.max(initial=0.0)
        radau_nodes, radau_own = _shares(space, space.radau(), own)
        nodes, radau_nodes = np.maximum(nodes, least), np.where(radau_nodes > least, radau_nodes, 0.0)
        weights = (prior.probe(np.ascontiguousarray(ritz.T)) ** 2).sum(axis=1)
        found = [nodes, (ritz.T @ own) ** 2, radau_nodes, radau_own, weights, (ritz.T @ other) ** 2]
        for name, array in zip(parts, found, strict=False):
            parts[name].append(pad(array))
        parts["norms"].append((own**2).sum(axis=0))
    return Quadrature(**{name: np.stack(arrays) for name, arrays in parts.items()}, trace=np.array([prior.learnable]))
