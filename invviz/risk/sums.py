"""A sum over clients: all their batches as one vector of unknowns, of which one client's part is asked for."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import Cancelled
from ..core.lazy import torch
from ..core.types import Batch
from ._memory import room
from .jacobian import Jacobian
from .prior import Prior

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Generator, Tensor

    from ..core.types import Net, Tree
    from .decomposition import Decomposition

STORED = 2_000_000_000  # bytes of a Jacobian up to which it is made as a whole: each client's columns then take products of that client's message alone


@dataclasses.dataclass(frozen=True, eq=False)
class SumJacobian(Jacobian):
    """A = [J_1 ... J_H]: how the sum of H messages moves with all H batches, side by side. Source: [D] T7.

    Attributes:
        parts: the Jacobian of every client's own message, at the net that it was sent; the first is the victim's.
    """

    parts: tuple[Jacobian, ...] = ()

    @classmethod
    def of_parts(cls, parts: Sequence[Jacobian]) -> SumJacobian:
        """The Jacobian of the sum of several clients' messages, all with the same names and shapes."""
        parts = tuple(parts)
        counts = [len(part.batch.private) for part in parts]

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            pieces = batch.pieces(counts)
            messages = [part.release(part.net, piece, None) for part, piece in zip(parts, pieces, strict=True)]
            return {name: sum(message[name] for message in messages) for name in messages[0]}  # type: ignore[misc]

        message = {name: sum(part.message[name] for part in parts) for name in parts[0].message}
        return cls(release, parts[0].net, Batch.joined([part.batch for part in parts]), message, parts[0].precise, parts=parts)  # type: ignore[arg-type]

    def gram(self, progress: Callable[[int, int], bool] | None = None) -> Tensor:
        """A^T A, (n, n), float64; by the stored Jacobian where that fits in memory. Arguments and errors as of `Jacobian.gram`."""
        p, n = self.shape
        if 8 * p * n > STORED:
            return super().gram(progress)
        rows = self.finite((self.sharp or self).dense(progress)).double()
        with room(f"a matrix of {n:,} x {n:,}"):
            return rows.T @ rows

    def dense(self, progress: Callable[[int, int], bool] | None = None) -> Tensor:
        """A itself, (p, n): every client's Jacobian, side by side."""
        total, done, columns = self.shape[1], 0, []
        for part in self.parts:
            columns.append(part.dense(None))
            done += part.shape[1]
            if progress is not None and not progress(done, total):
                raise Cancelled("Stopped: the spectrum was not finished.")
        return torch.cat(columns, 1)

    @functools.cached_property
    def sharp(self) -> SumJacobian | None:  # type: ignore[override]
        """The same in float64, where every client's is there in float64."""
        if self.point.dtype == torch.float64:
            return self
        parts = [part.sharp for part in self.parts]
        return None if any(part is None for part in parts) else SumJacobian.of_parts([part for part in parts if part is not None])


@dataclasses.dataclass(frozen=True, eq=False)
class SumPrior(Prior):
    """The prior of all clients' batches together, in which only what is learned of the first samples counts.

    Attributes:
        own: how many of the first samples those are: the victim's batch.
    """

    own: int = 1

    @classmethod
    def of(cls, prior: Prior, clients: int) -> SumPrior:
        """The same law for the batches of several clients.

        Args:
            prior: of the victim's batch.
            clients: whose messages are summed, the victim among them.
        """
        return cls(prior.name, prior.shape, prior.batch * clients, prior.components, prior.input_noise, own=prior.batch)

    @property
    def asked(self) -> Prior:
        """The law of the victim's batch alone."""
        return Prior(self.name, self.shape, self.own, self.components, self.input_noise)

    @property
    def learnable(self) -> float:
        """Of the victim's batch."""
        return self.asked.learnable

    def probe(self, x: Any) -> Any:
        """As of any prior, nothing but the victim's samples being left: samples are independent, so the second moment is C in their block and 0 elsewhere."""
        found = np.array(super().probe(x))
        found[..., self.asked.size :] = 0
        return found


def of_first(dec: Decomposition, prior: SumPrior) -> Decomposition:
    """What a decomposition of all batches says of the first client's; noise still enters in closed form.

    The attacker knows u_i with gain m_i as ever; x_1 = mean_1 + (rows of the basis that are x_1's) u + rest. Those columns are not at right angles to each other any more, and there may be
    more of them than numbers in the batch, up to as many as the message has. Equivalent: the others' samples are coloured noise of covariance sum_k J_k C J_k^T. Source: [D] T1, T7.

    Args:
        dec: of the sum, from `decompose` or `sketch` with this prior.
        prior: of all batches.
    """
    kept = min(len(dec.gains), dec.rows)  # a message of p numbers tells of p directions at most
    return dataclasses.replace(
        dec,
        gains=dec.gains[:kept],
        basis=np.ascontiguousarray(dec.basis[:, :kept]),
        weights=dec.weights[:kept],
        coefficients=dec.coefficients[:kept],
        tails=dec.tails[: kept + 1],
        shape=(prior.own, *dec.shape[1:]),  # type: ignore[arg-type]
        rest=dec.rest + float(dec.weights[kept:].sum()),
        heard=None if dec.heard is None else dec.heard[:, :kept],
        clients=prior.batch // prior.own,
    )
