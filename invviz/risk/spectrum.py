"""The spectrum of a release at one batch, with all that risk under any noise level needs."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import Cancelled, StoreError
from ..core.lazy import torch
from ..core.tree import norm
from .quadrature import Quadrature

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .jacobian import Jacobian
    from .prior import Prior

ARRAYS = ("singular_values", "gains", "basis", "weights", "coefficients", "tails", "mean", "variances")
FACTS = "decomposition.json"
GRAM_SHARE = 70  # percent of the progress bar that the Gram matrix gets
ROUNDING = 4 * float(np.finfo(np.float64).eps)  # share of the largest eigenvalue that the others are wrong by (measured: a quarter of it)
LEAN = 0.5  # messages with fewer than this share of the input's numbers are decomposed through their rows, not through J^T J


@dataclasses.dataclass(frozen=True, eq=False)
class Decomposition:
    """J at one batch, seen through a prior: x = mean + basis @ u + rest with u ~ N(0, I), and the message tells u_i with gain m_i.

    With noise of standard deviation sigma on every message entry, the attacker sees sqrt(m_i) u_i + sigma eps_i for every i; so one
    stored decomposition answers for every noise level, in NumPy alone. Source: [D], theory T1 and section 3.

    The exact method keeps all k = min(n, p) directions that the message can tell of. The sketch keeps the k directions of a Krylov space (their
    gains and singular values are lower bounds of the true ones, one by one) and a quadrature from which InvLoss is estimated with an interval.

    Attributes:
        singular_values: of J, descending, shape (k,), of a sketch the leading ones; those below `resolved` are rounding noise.
        gains: m_i, eigenvalues of C^1/2 J^T J C^1/2, descending, shape (k,); exactly 0 where not resolved (white: (tau s_i)^2).
        basis: C^1/2 W, column i is the picture-space direction of u_i, shape (n, k), float32.
        weights: squared column norms of the basis, shape (k,).
        coefficients: u of this very batch, shape (k,).
        tails: j -> squared error of knowing only the first j of u, shape (k + 1,).
        mean: of the prior, shape (n,).
        variances: of every pixel under the prior, shape (n,).
        shape: (b, c, h, w) of the batch.
        message_norm: Euclidean norm of the noise-free message.
        num_message: p, numbers in the message.
        prior: its name.
        resolved: singular value below which values are noise of the computation.
        method: "exact" or "sketch".
        seconds: time that the computation took.
        rest: variance of the prior in directions outside the basis; the weights and this sum to tr C.
        products: Jacobian products J^T J v that it took.
        quadrature: of the sketch; None where the figures are exact.
        noise: of the sketch: one draw of the message's noise, sigma = 1, as seen by each direction, (k,); None where it is drawn at will.
    """

    singular_values: np.ndarray
    gains: np.ndarray
    basis: np.ndarray
    weights: np.ndarray
    coefficients: np.ndarray
    tails: np.ndarray
    mean: np.ndarray
    variances: np.ndarray
    shape: tuple[int, int, int, int]
    message_norm: float
    num_message: int
    prior: str
    resolved: float
    method: str = "exact"
    seconds: float = 0.0
    rest: float = 0.0
    products: int = 0
    quadrature: Quadrature | None = None
    noise: np.ndarray | None = None

    @property
    def size(self) -> int:
        """n, numbers in the batch."""
        return len(self.mean)

    @property
    def trace(self) -> float:
        """Tr C: the squared error of guessing the mean."""
        return float(self.weights.sum()) + self.rest

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by name, those of the quadrature behind `quadrature_`."""
        own = {name: getattr(self, name) for name in ARRAYS} | ({} if self.noise is None else {"noise": self.noise})
        inner = self.quadrature.arrays() if self.quadrature else {}
        return {**own, **{f"quadrature_{name}": array for name, array in inner.items()}}

    def facts(self) -> dict[str, object]:
        """All that is not an array, as plain numbers and words."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in (*ARRAYS, "quadrature", "noise")}

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray], facts: dict[str, object]) -> Decomposition:
        """The inverse of `arrays` and `facts`.

        Raises:
            ValueError, TypeError, KeyError: they do not fit together.
        """
        inner = {name.removeprefix("quadrature_"): a for name, a in arrays.items() if name.startswith("quadrature_")}
        own = {name: arrays[name] for name in ARRAYS}
        shape: tuple[int, int, int, int] = tuple(facts["shape"])  # type: ignore[arg-type,assignment]
        n, k = int(np.prod(shape)), len(own["gains"])
        wanted = {"basis": (n, k), "tails": (k + 1,), "mean": (n,), "variances": (n,), "weights": (k,), "coefficients": (k,)}
        if any(own[name].shape != size for name, size in wanted.items()):
            raise ValueError("array shapes do not fit the batch")
        return cls(**own, **{**facts, "shape": shape}, quadrature=Quadrature(**inner) if inner else None, noise=arrays.get("noise"))  # type: ignore[arg-type]

    def save(self, folder: Path | str) -> None:
        """Write plain .npy files and one JSON file, the JSON last: a folder without it is unfinished."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = self.arrays()
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        (folder / FACTS).write_text(json.dumps({**self.facts(), "arrays": list(arrays)}, indent=1))

    @classmethod
    def load(cls, folder: Path | str) -> Decomposition:
        """Read what `save` wrote; the basis stays on disk and is mapped into memory.

        Raises:
            StoreError: files are missing, unreadable or do not fit together.
        """
        folder = Path(folder)
        try:
            facts = json.loads((folder / FACTS).read_text())
            names = [name for name in facts.pop("arrays") if name in (*ARRAYS, "noise") or name.startswith("quadrature_")]
            return cls.of(
                {k: np.load(folder / f"{k}.npy", mmap_mode="r" if k == "basis" else None, allow_pickle=False) for k in names}, facts
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as err:
            raise StoreError(f"The spectrum in {folder} cannot be read ({err}); compute it again.") from err


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
    facts = {"message_norm": float(norm(jacobian.message)), "num_message": p, "prior": prior.name, "shape": tuple(x.shape)}
    tell(100, 100)
    seconds = time.perf_counter() - begin
    return Decomposition(singular, **arrays, **facts, resolved=resolved, seconds=seconds, rest=rest, products=min(n, p))  # type: ignore[arg-type]


def singular_values(jacobian: Jacobian, progress: Callable[[int, int], bool] | None = None) -> tuple[np.ndarray, float]:
    """The singular values alone, descending, and the level below which they are noise: a third of the time of a decomposition."""
    values = torch.linalg.eigvalsh(jacobian.gram(progress)).flip(0).clamp(min=0).sqrt().cpu().numpy()
    return values, jacobian.resolved(float(values[0]))


def in_pictures(
    x: Tensor,
    prior: Prior,
    gains: np.ndarray,
    vectors: np.ndarray,
    resolved: float,
    rounding: float = ROUNDING,
    noise: np.ndarray | None = None,
) -> tuple[dict[str, np.ndarray], float]:
    """Directions of u as pictures, what this batch has of each, and the variance of the prior outside them.

    Args:
        x: the batch.
        prior: C.
        gains: (k,), of C^1/2 J^T J C^1/2.
        vectors: its eigenvectors or Ritz vectors, columns, shape (n, k).
        resolved: singular value of J below which a direction counts as unseen.
        rounding: share of the largest gain below which gains are rounding noise; matters where the prior's variances differ by orders of magnitude.
        noise: a draw of the message's noise as seen by each direction, (k,), if one was made.
    """
    centred = x.detach().cpu().double().numpy().ravel() - prior.mean
    coefficients = whitened(x, prior) @ vectors
    basis = prior.sqrt_apply(np.ascontiguousarray(vectors.T))
    # ||J basis_i|| / ||basis_i|| is how much J stretches direction i: where that is below its noise the direction counts as unseen
    least = np.maximum(resolved**2 * np.einsum("ij,ij->i", basis, basis), rounding * gains.max(initial=0.0))
    gains = np.where(gains > least, gains, 0.0)
    if prior.input_noise:
        basis = prior.denoise(basis)
    weights = np.einsum("ij,ij->i", basis, basis)
    order = np.argsort(-gains, kind="stable")
    gains, weights, coefficients, basis = gains[order], weights[order], coefficients[order], np.ascontiguousarray(basis[order].T)
    drawn = {} if noise is None else {"noise": noise[order]}
    whole = len(order) == prior.size and not prior.input_noise
    outside = None if whole else centred - basis @ coefficients
    total = prior.trace - prior.size * prior.input_noise
    rest = 0.0 if whole else max(0.0, total - float(weights.sum()))
    arrays = {"gains": gains, "basis": basis.astype(np.float32), "weights": weights, "coefficients": coefficients, **drawn}
    variances = prior.diagonal - prior.input_noise
    return {**arrays, "tails": _tails(basis, coefficients, outside), "mean": prior.mean, "variances": variances}, rest


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
