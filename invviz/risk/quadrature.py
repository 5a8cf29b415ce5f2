"""Traces of functions of a matrix from a few random probes: stochastic Lanczos quadrature with deflation, bounds and an error bar."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

Share = Callable[[np.ndarray], np.ndarray]
CONFIDENCE = 0.95
EXHAUSTED = 1e-9  # share of the trace outside a space that counts as nothing


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number, and the interval that holds the true one with 95 % probability (a single point where the number is exact)."""

    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, eq=False)
class Quadrature:
    """What two independent block Krylov spaces, each grown from its own random probes b = C^1/2 z, know of M = C^1/2 J^T J C^1/2.

    The trace of C g(M) is that of the one space's Ritz pairs, which is exact, and the rest as seen by the other space's probes, with Gauss (or Gauss-Radau)
    nodes; then the other way round. Sources: stochastic Lanczos quadrature (ubaru2017slq), deflation and the crossing of two spaces in the manner of Hutch++
    (meyer2021hutchpp), bounds by Gauss and Gauss-Radau rules (golub2010matrices); the ratio that uses the known trace of C is ours.

    Attributes:
        nodes: Ritz values, shape (2, k), >= 0; shorter spaces are padded with zeros of no weight.
        own: squared shares of each probe of the same space, (2, k, m).
        radau_nodes: nodes with one block at 0, (2, k).
        radau_own: shares of the probes on them, (2, k, m).
        weights: v^T C v of each Ritz vector v, (2, k).
        cross: squared shares that the other space's probes have on these Ritz vectors, (2, k, m).
        norms: squared length of each probe, (2, m).
        trace: tr C, shape (1,).
    """

    nodes: np.ndarray
    own: np.ndarray
    radau_nodes: np.ndarray
    radau_own: np.ndarray
    weights: np.ndarray
    cross: np.ndarray
    norms: np.ndarray
    trace: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """All fields by name."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    def learned(self, share: Share) -> Estimate:
        """Tr C g(M) for an increasing g from 0 to 1: how much of the prior's variance is learned.

        The interval covers the chance in the probes (Student's t with the degrees of freedom of one space, the careful choice) and the error of the quadrature: Gauss nodes give at least, Gauss-Radau nodes with one
        block at 0 at most the true remaining error for a completely monotone 1 - g, such as that of InvLoss; for others the two are only a guide.

        Args:
            share: g, on an array of gains.
        """
        from scipy.special import stdtrit  # Student's quantile

        high, error = self._crossed(share, self.nodes, self.own)
        low, _ = self._crossed(share, self.radau_nodes, self.radau_own)
        total, reach = float(self.trace[0]), error * float(stdtrit(self.norms.shape[1] - 1, (1 + CONFIDENCE) / 2))
        clip = lambda v: float(np.clip(v, 0.0, total))  # noqa: E731
        return Estimate(clip(high), clip(min(low, high) - reach), clip(max(low, high) + reach))

    def _crossed(self, share: Share, nodes: np.ndarray, own: np.ndarray) -> tuple[float, float]:
        """Estimate and its standard error from the probes."""
        values, squares = [], []
        for a, b in ((0, 1), (1, 0)):
            known = share(self.nodes[a])
            rest = float(self.trace[0] - self.weights[a].sum())
            if rest < EXHAUSTED * self.trace[0]:  # the space is everything: its Ritz pairs are the eigenpairs
                values.append(float(known @ self.weights[a]))
                continue
            outside = self.norms[b] - self.cross[a].sum(axis=0)  # what of each probe lies outside space a; `rest` is its mean
            seen = share(nodes[b]) @ own[b] - known @ self.cross[a]
            ratio = seen.sum() / outside.sum()
            values.append(float(known @ self.weights[a]) + rest * ratio)
            m = len(outside)
            squares.append(((rest / outside.mean()) ** 2) * ((seen - ratio * outside) ** 2).sum() / (m * (m - 1)))
        return float(np.mean(values)), float(np.sqrt(sum(squares))) / 2
