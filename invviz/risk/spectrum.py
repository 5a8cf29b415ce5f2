"""The spectrum of a release at one batch, with all that risk under any noise level needs."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import StoreError
from ..core.lazy import torch
from ..core.tree import norm
from .jacobian import Cancelled
from .prior import Prior

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from .jacobian import Jacobian

ARRAYS = ("singular_values", "gains", "basis", "weights", "coefficients", "tails", "mean")
FACTS = "decomposition.json"
GRAM_SHARE = 70  # percent of the progress bar that the Gram matrix gets


@dataclasses.dataclass(frozen=True, eq=False)
class Decomposition:
    """J at one batch, seen through a prior: x = mean + basis @ u with u ~ N(0, I), and the message tells u_i with gain m_i.

    With noise of standard deviation sigma on every message entry, the attacker sees sqrt(m_i) u_i + sigma eps_i for every i; so one
    stored decomposition answers for every noise level, in NumPy alone. Source: [D], theory T1 and section 3.

    Attributes:
        singular_values: of J, descending, shape (n,); those below `resolved` are rounding noise.
        gains: m_i, eigenvalues of C^1/2 J^T J C^1/2, descending, shape (n,); exactly 0 where not resolved (white: (tau s_i)^2).
        basis: C^1/2 W, column i is the picture-space direction of u_i, shape (n, n), float32.
        weights: squared column norms of the basis, shape (n,); their sum is tr C.
        coefficients: u of this very batch, shape (n,).
        tails: k -> ||sum_{i >= k} basis_i u_i||^2, the error of knowing only the first k of u, shape (n + 1,).
        mean: of the prior, shape (n,).
        shape: (b, c, h, w) of the batch.
        message_norm: Euclidean norm of the noise-free message.
        num_message: p, numbers in the message.
        prior: its name.
        resolved: singular value below which values are noise of the computation.
        method: "exact".
        seconds: time that the computation took.
    """

    singular_values: np.ndarray
    gains: np.ndarray
    basis: np.ndarray
    weights: np.ndarray
    coefficients: np.ndarray
    tails: np.ndarray
    mean: np.ndarray
    shape: tuple[int, int, int, int]
    message_norm: float
    num_message: int
    prior: str
    resolved: float
    method: str = "exact"
    seconds: float = 0.0

    @property
    def size(self) -> int:
        """n, numbers in the batch."""
        return len(self.gains)

    def save(self, folder: Path | str) -> None:
        """Write plain .npy files and one JSON file, the JSON last: a folder without it is unfinished."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        facts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ARRAYS}
        (folder / FACTS).write_text(json.dumps(facts, indent=1))

    @classmethod
    def load(cls, folder: Path | str) -> Decomposition:
        """Read what `save` wrote; the basis stays on disk and is mapped into memory.

        Raises:
            StoreError: files are missing, unreadable or do not fit together.
        """
        folder = Path(folder)
        try:
            facts = json.loads((folder / FACTS).read_text())
            facts["shape"] = tuple(facts["shape"])
            arrays = {k: np.load(folder / f"{k}.npy", mmap_mode="r" if k == "basis" else None, allow_pickle=False) for k in ARRAYS}
            n = int(np.prod(facts["shape"]))
            if any(array.shape != {"basis": (n, n), "tails": (n + 1,)}.get(k, (n,)) for k, array in arrays.items()):
                raise ValueError("array shapes do not fit the batch")
            return cls(**arrays, **facts)
        except (OSError, ValueError, TypeError, KeyError) as err:
            raise StoreError(f"The spectrum in {folder} cannot be read ({err}); compute it again.") from err


def decompose(jacobian: Jacobian, x: Tensor, prior: Prior, progress: Callable[[int, int], bool] | None = None) -> Decomposition:
    """The exact spectrum: Gram matrix and its eigenvectors, in float64. Source: [D], theory T1 and section 3.

    Time grows as n^3 (n = 3,072: seconds) and memory as n^2 (75 MB an array); meant for n up to about 6,000.

    Args:
        jacobian: of the (defended) release at `x`.
        x: the private batch, shape (b, c, h, w) in [0, 1].
        prior: of the same shape and batch size.
        progress: called with (done, 100); answering False cancels.

    Returns:
        All that `invloss`, `invre` and `ideal` need.

    Raises:
        Cancelled: `progress` answered False.
    """
    begin = time.perf_counter()
    tell = progress or (lambda done, total: True)
    if x.shape != (prior.batch, *prior.shape):
        raise ValueError(f"the prior is for {(prior.batch, *prior.shape)}, the batch has {tuple(x.shape)}.")
    gram = jacobian.gram(lambda done, total: tell(GRAM_SHARE * done // total, 100))
    squares, gains, vectors = _eigen(gram, prior)
    singular = np.sqrt(squares.clip(min=0))
    resolved = jacobian.resolved(float(singular[0]))
    if not tell(99, 100):
        raise Cancelled("Stopped: the spectrum was not finished.")
    coefficients = prior.inv_sqrt_apply(x.detach().cpu().double().numpy().ravel() - prior.mean) @ vectors
    basis = prior.sqrt_apply(np.ascontiguousarray(vectors.T)).T
    weights = np.einsum("ij,ij->j", basis, basis)
    # ||J basis_i|| / ||basis_i|| is how much J stretches direction i: where that is below its noise the direction counts as unseen
    gains = np.where(gains > resolved**2 * weights, gains, 0.0)
    order = np.argsort(-gains, kind="stable")
    gains, weights, coefficients, basis = gains[order], weights[order], coefficients[order], basis[:, order]
    facts = {"shape": tuple(x.shape), "message_norm": float(norm(jacobian.message)), "num_message": jacobian.shape[0], "prior": prior.name}
    arrays = {"weights": weights, "coefficients": coefficients, "tails": _tails(basis, coefficients), "mean": prior.mean}
    basis32 = np.ascontiguousarray(basis, dtype=np.float32)
    tell(100, 100)
    return Decomposition(singular, gains, basis32, **arrays, **facts, resolved=resolved, seconds=time.perf_counter() - begin)


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


def _tails(basis: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """||sum_{i >= k} basis_i u_i||^2 for k = 0 ... n, a strip of pixels at a time; columns need not be orthogonal."""
    tails = np.zeros(len(coefficients) + 1)
    for start in range(0, len(basis), 256):
        parts = basis[start : start + 256] * coefficients
        tails[:-1] += (np.cumsum(parts[:, ::-1], axis=1) ** 2).sum(axis=0)[::-1]
    return tails
