"""A block Krylov space of a symmetric matrix that is known by its products alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

LOST = 1e-10  # length of a column, relative to before, from which on it adds nothing to the space
SHIFT = 1e-12  # of the largest entry; keeps the prescribed node 0 off the spectrum of a singular block


@dataclasses.dataclass(eq=False)
class Krylov:
    """Orthonormal columns Q that span B, M B, M^2 B, ... and T = Q^T M Q; fully reorthogonalised. Source: block Lanczos (golub2010matrices).

    Args:
        product: M on the columns of a matrix, (n, m) -> (n, m).
        start: B, shape (n, m).
    """

    product: Callable[[np.ndarray], np.ndarray]
    start: np.ndarray
    products: int = 0

    def __post_init__(self) -> None:
        self.columns, _ = np.linalg.qr(self.start)
        self.last = self.columns
        self.matrix = np.zeros((0, 0))
        self.exhausted = False  # the space holds all that M makes of B
        self._image: np.ndarray | None = None

    @property
    def ready(self) -> int:
        """Columns of Q that T knows of."""
        return len(self.matrix)

    @property
    def known(self) -> np.ndarray:
        """The columns of Q that T knows of, (n, k)."""
        return self.columns[:, : self.ready]

    def grow(self) -> None:
        """One more block: a product with every column of the last one."""
        if self._image is not None:
            self._append(self._image)
        if self.exhausted:
            return
        self._image = self.product(self.last)
        self.products += self.last.shape[1]
        strip = self.columns.T @ self._image
        size, old = self.columns.shape[1], len(self.matrix)
        matrix = np.zeros((size, size))
        matrix[:old, :old] = self.matrix
        matrix[:, old:] = strip
        matrix[old:, :old] = strip[:old].T
        matrix[old:, old:] = (strip[old:] + strip[old:].T) / 2
        self.matrix = matrix

    def _append(self, image: np.ndarray) -> None:
        """What is new in M's image of the last block becomes the next block."""
        length = np.linalg.norm(image, axis=0)
        block = image
        for _ in range(2):  # twice is enough
            block = block - self.columns @ (self.columns.T @ block)
        kept = np.linalg.norm(block, axis=0) > LOST * length.max(initial=1e-300)
        room = len(self.columns) - self.columns.shape[1]
        block = block[:, kept][:, : max(0, room)]
        if not block.shape[1]:
            self.exhausted = True
            return
        block, _ = np.linalg.qr(block)
        block, _ = np.linalg.qr(block - self.columns @ (self.columns.T @ block))
        self.last, self.columns = block, np.hstack([self.columns, block])

    def ritz(self) -> tuple[np.ndarray, np.ndarray]:
        """Ritz values (k,), at least 0, and vectors in Q's coordinates (k, k); on B they are the nodes of a Gauss rule."""
        values, vectors = np.linalg.eigh(self.matrix)
        return values.clip(min=0), vectors

    def radau(self) -> tuple[np.ndarray, np.ndarray]:
        """The same after one block of nodes was put at 0, the least that an eigenvalue can be: a Gauss-Radau rule."""
        m = self.last.shape[1]
        k = len(self.matrix) - m
        if self.exhausted or k == 0:
            return self.ritz()
        shift = -SHIFT * float(np.abs(self.matrix).max())
        inner, across = self.matrix[:k, :k], self.matrix[k:, :k]
        changed = self.matrix.copy()
        changed[k:, k:] = across @ np.linalg.solve(inner - shift * np.eye(k), across.T) + shift * np.eye(m)
        values, vectors = np.linalg.eigh((changed + changed.T) / 2)
        return values.clip(min=0), vectors
