"""The exact spectrum of a release at one batch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import Cancelled
from ..core.lazy import torch
from ..core.tree import norm
from ._memory import room
from .decomposition import Decomposition

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .jacobian import Jacobian
    from .prior import Prior

GRAM_SHARE = 70  # percent of the progress bar that the Gram matrix gets
ROUNDING = 4 * float(np.finfo(np.float64).eps)  # share of the largest eigenvalue that the others are wrong by (measured: a quarter of it)
LEAN = 0.5  # messages with fewer than this share of the input's numbers are decomposed through their rows, not through J^T J


def decompose(jacobian: Jacobian, x: Tensor, prior: Prior, progress: Callable[[int, int], bool] | None = None) -> Decomposition:
    """The exact spectrum: Gram matrix and its eigenvectors, in float64. Source: [D], theory T1, T6 and section 3.

    Time grows as n^3 (n = 3,072: seconds) and memory as n^2 (75 MB an array); meant for n up to about 6,000. A message much shorter than the input
    is decomposed through its rows instead, without a Gram matrix and without what that costs the small values.

    Args:
        jacobian: of the (defended) release at `x`.
        x: the private batch, shape (b, c, h, w) in [0, 1].
        prior: of the same shape and batch size; with `input_noise` the client is taken to release a noisy copy of `x` (one draw of it).
        progress: called with (done, 100); answering False cancels.

    Returns:
        All that `invloss`, `invre` and `ideal` need.

    Raises:
        Cancelled: `progress` answered False.
        RiskError: the Jacobian holds infinite or undefined numbers.
    """
    begin = time.perf_counter()
    tell = progress or (lambda done, total: True)
    if x.shape != (prior.batch, *prior.shape):
        raise ValueError(f"the prior is for {(prior.batch, *prior.shape)}, the batch has {tuple(x.shape)}.")
    with room(f"the exact spectrum of {prior.size:,} inputs"):
        return _decompose(jacobian, x, prior, tell, begin)


def _decompose(jacobian: Jacobian, x: Tensor, prior: Prior, tell: Callable[[int, int], bool], begin: float) -> Decomposition:
    on_products = lambda done, total: tell(GRAM_SHARE * done // total, 100)  # noqa: E731
    p, n = jacobian.shape
    rows = p < LEAN * n
    if rows:
        singular, gains, vectors, resolved = _by_rows(jacobian, prior, on_products)
    else:
        squares, gains, vectors = _eigen(jacobian.gram(on_products), prior)
        singular = np.sqrt(squares.clip(min=0))
        resolved = jacobian.resolved(float(singular[0]))
    if not tell(99, 100):
        raise Cancelled("Stopped: the spectrum was not finished.")
    arrays, rest = in_pictures(x, prior, gains, vectors, resolved, ROUNDING**2 if rows else ROUNDING)
    facts = {"message_norm": float(norm(jacobian.message)), "num_message": p, "prior": prior.name, "shape": tuple(x.shape), "rows": p}
    tell(100, 100)
    seconds = time.perf_counter() - begin
    return Decomposition(singular, **arrays, **facts, resolved=resolved, seconds=seconds, rest=rest, products=min(n, p))  # type: ignore[arg-type]


def singular_values(jacobian: Jacobian, progress: Callable[[int, int], bool] | None = None) -> tuple[np.ndarray, float]:
    """The singular values alone, descending, shape (n,), and the level below which they are noise: a third of the time of a decomposition."""
    values = torch.linalg.eigvalsh(jacobian.gram(progress)).flip(0).clamp(min=0).sqrt().cpu().numpy()
    return values, jacobian.resolved(float(values[0]))


def in_pictures(
    x: Tensor,
    prior: Prior,
    gains: np.ndarray,
    vectors: np.ndarray,
    resolved: float,
    rounding: float = ROUNDING,
    heard: np.ndarray | None = None,
) -> tuple[dict[str, np.ndarray], float]:
    """Directions of u as pictures, what this batch has of each, and the variance of the prior outside them.

    Args:
        x: the batch.
        prior: C; where only some of the samples are asked for (`Prior.asked`), pictures and figures are theirs.
        gains: (k,), of C^1/2 J^T J C^1/2.
        vectors: its eigenvectors or Ritz vectors, columns, shape (n, k).
        resolved: singular value of J below which a direction counts as unseen.
        rounding: share of the largest gain below which gains are rounding noise; matters where the prior's variances differ by orders of magnitude.
        heard: as in `Decomposition`, in the order of the vectors.
    """
    own, n = prior.asked, prior.asked.size
    centred = x.detach().cpu().double().numpy().ravel()[:n] - own.mean
    coefficients = whitened(x, prior) @ vectors
    basis = prior.sqrt_apply(np.ascontiguousarray(vectors.T))
    # ||J basis_i|| / ||basis_i|| is how much J stretches direction i: where that is below its noise the direction counts as unseen
    least = np.maximum(resolved**2 * np.einsum("ij,ij->i", basis, basis), rounding * gains.max(initial=0.0))
    gains = np.where(gains > least, gains, 0.0)
    if prior.input_noise:
        basis = prior.denoise(basis)
    basis = basis[:, :n]
    weights = np.einsum("ij,ij->i", basis, basis)
    order = np.argsort(-gains, kind="stable")
    gains, weights, coefficients, basis = gains[order], weights[order], coefficients[order], np.ascontiguousarray(basis[order].T)
    told = {} if heard is None else {"heard": heard[:, order]}
    whole = len(order) == n == prior.size and not prior.input_noise
    outside = None if whole else centred - basis @ coefficients
    total = own.trace - n * own.input_noise
    rest = 0.0 if whole else max(0.0, total - float(weights.sum()))
    arrays = {"gains": gains, "basis": basis.astype(np.float32), "weights": weights, "coefficients": coefficients, **told}
    variances = own.diagonal - own.input_noise
    return {**arrays, "tails": _tails(basis, coefficients, outside), "mean": own.mean, "variances": variances}, rest


def whitened(x: Tensor, prior: Prior) -> np.ndarray:
    """C^-1/2 (x - mean), (n,); with input noise of the noisy copy that is released, always the same draw of it."""
    sent = x.detach().cpu().double().numpy().ravel() - prior.mean
    if prior.input_noise:
        sent = sent + prior.input_noise**0.5 * np.random.default_rng(0).standard_normal(prior.size)
    return prior.inv_sqrt_apply(sent)


def _by_rows(jacobian: Jacobian, prior: Prior, progress: Callable[[int, int], bool]) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Singular values of J; squared ones and right vectors (columns) of J C^1/2; what is resolved. For p much smaller than n."""
    sharp = jacobian.sharp or jacobian
    rows = jacobian.finite(sharp.dense(progress)).cpu().double().numpy()
    _, values, vectors = np.linalg.svd(prior.sqrt_apply(rows), full_matrices=False)
    singular = np.linalg.svd(rows, compute_uv=False)
    resolved = 100 * torch.finfo(sharp.point.dtype).eps * float(singular[0])
    return singular, values**2, vectors.T, resolved


def _eigen(gram: Tensor, prior: Prior) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues of K, and eigenvalues and eigenvectors (columns) of C^1/2 K C^1/2; values descending, in float64 on the CPU."""
    if prior.name == "white":  # C^1/2 is a number: one eigenproblem serves both
        values, vectors = torch.linalg.eigh(gram)
        squares = values.flip(0).cpu().numpy()
        return squares, squares * (prior.trace / prior.size), vectors.flip(1).cpu().numpy()
    squares = torch.linalg.eigvalsh(gram).flip(0).cpu().numpy()
    half = prior.sqrt_apply(gram.cpu().numpy())
    whitened = torch.from_numpy(prior.sqrt_apply(np.ascontiguousarray(half.T))).to(gram.device)
    values, vectors = torch.linalg.eigh((whitened + whitened.T) / 2)
    return squares, values.flip(0).cpu().numpy(), vectors.flip(1).cpu().numpy()


def _tails(basis: np.ndarray, coefficients: np.ndarray, outside: np.ndarray | None) -> np.ndarray:
    """||outside + sum_{i >= j} basis_i u_i||^2 for j = 0 ... k, a strip of pixels at a time; columns need not be orthogonal."""
    tails = np.zeros(len(coefficients) + 1)
    for start in range(0, len(basis), 256):
        parts = basis[start : start + 256] * coefficients
        after = np.zeros((len(parts), len(tails)))
        after[:, :-1] = np.cumsum(parts[:, ::-1], axis=1)[:, ::-1]
        if outside is not None:
            after += outside[start : start + 256, None]
        tails += (after**2).sum(axis=0)
    return tails
