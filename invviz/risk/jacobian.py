"""The Jacobian of a release: what the message says about the picture, to first order."""

from __future__ import annotations

import copy
import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import Cancelled, RiskError
from ..core.lazy import torch
from ..core.tangents import bytes_written, tangents_that_fit
from ..core.tree import flatten, map_tree, numel
from ..core.types import Batch, Net
from ._memory import check_memory, room
from .linear_layers import linear_gram
from .releases import only

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ..core.types import Release, Tree

PROBES = 4  # random vectors for the gap between single and double precision
POWER_STEPS = 8  # for an estimate of s_1
CLOSED_FORM = 0.9  # share of the message in fully connected layers from which their closed form pays


@dataclasses.dataclass(frozen=True, eq=False)
class Jacobian:
    """J = dG/dx of the noise-free release G at one batch; inputs and message are flattened in their trees' order.

    Attributes:
        release: protocol with its defenses; it is called with rng=None, so noise is left out.
        net: the net as the client received it.
        batch: x; its dtype and device are the Jacobian's.
        message: G(x) as a tree, detached.
        precise: make the Gram matrix in float64 where that is possible; False halves its time and resolves less (`resolved`).
        is_gradient: the release is the gradient of the mean loss itself, every entry of it; fully connected layers then have a closed form.
    """

    release: Release
    net: Net
    batch: Batch
    message: Tree
    precise: bool = True
    is_gradient: bool = False

    @classmethod
    def of(cls, release: Release, net: Net, batch: Batch, precise: bool = True, is_gradient: bool = False) -> Jacobian:
        """The Jacobian of a release with respect to the batch's inputs; arguments as the attributes.

        Raises:
            RiskError: the message itself is not finite, or does not fit in memory.
        """
        with room("the message"):
            message = map_tree(lambda leaf: leaf.detach(), release(net, batch, None))
        made = cls(release, net, batch, message, precise, is_gradient)
        made.finite(flatten(message))
        return made

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers in the message and in the inputs, (p, n)."""
        return numel(self.message), self.point.numel()

    @functools.cached_property
    def point(self) -> Tensor:
        """The batch's inputs x, shape (n,)."""
        return self.batch.flat().detach()

    def map(self, vector: Tensor) -> Tensor:
        """G on flat vectors, (n,) -> (p,); differentiable by torch.func."""
        return flatten(self.release(self.net, self.batch.with_flat(vector), None))

    def matvec(self, v: Tensor) -> Tensor:
        """J v: how the message moves with the inputs; (n,) -> (p,)."""
        return torch.func.jvp(self.map, (self.point,), (v,))[1]

    def rmatvec(self, u: Tensor) -> Tensor:
        """J^T u: which inputs move a combination of message entries; (p,) -> (n,)."""
        return torch.func.vjp(self.map, self.point)[1](u)[0]

    def normal(self, vectors: Tensor) -> Tensor:
        """J^T J v for several v at once, (k, n) -> (k, n), in this Jacobian's own precision.

        Raises:
            RiskError: the products are not finite, or do not fit in memory even one at a time.
        """
        push = torch.func.vmap(self.matvec)
        with room("one Jacobian product"):
            parts = [self._pull(push(some)).detach() for some in vectors.split(self.at_once)]
        return self.finite(torch.cat(parts))

    @functools.cached_property
    def work(self) -> int:
        """Bytes that one evaluation of the release writes: a measure of what a product costs, the same on every machine."""
        return bytes_written(self.map, self.point)

    @functools.cached_property
    def at_once(self) -> int:
        """Tangents that go through the release together."""
        return tangents_that_fit(self.work)

    def linear_operator(self) -> Any:
        """J as a `scipy.sparse.linalg.LinearOperator`, so that SciPy's svds, lsmr, cg and the rest can be run on it."""
        from scipy.sparse.linalg import LinearOperator

        def apply(product: Callable[[Tensor], Tensor]) -> Callable[[np.ndarray], np.ndarray]:
            return lambda v: product(torch.as_tensor(np.ravel(v)).to(self.point)).detach().cpu().numpy()

        number = np.float64 if self.point.dtype == torch.float64 else np.float32
        return LinearOperator(self.shape, apply(self.matvec), apply(self.rmatvec), dtype=number)  # type: ignore[call-arg]

    def finite(self, values: Tensor) -> Tensor:
        """The values themselves.

        Raises:
            RiskError: some are infinite or undefined.
        """
        if bool(torch.isfinite(values).all()):
            return values
        raise RiskError(
            "The message or its Jacobian holds infinite or undefined numbers at this picture, so there is no spectrum. Local steps that diverge do this "
            "(lower lr or local_steps), and so do single precision (dtype=float64) and a defense that divides by zero."
        )

    def dense(self, progress: Callable[[int, int], bool] | None = None) -> Tensor:
        """J itself, shape (p, n), by whichever side has fewer numbers; for nets whose J fits in memory."""
        p, n = self.shape
        if p < n:
            return self._products(lambda u: self._pull(u), p, n, progress)  # its graph is made where memory is watched
        return self._products(torch.func.vmap(self.matvec), n, p, progress).T

    def gram(self, progress: Callable[[int, int], bool] | None = None) -> Tensor:
        """K = J^T J, shape (n, n), float64; J is never stored. Source: [D], theory section 3.

        Each column is one jvp and one vjp, as many at once as fit in memory. The vjp runs in float64 (`sharp`): with J + E the rounded
        Jacobian, (J^T (J + E) + (J + E)^T J) / 2 = (J + E/2)^T (J + E/2) - E^T E / 4, so singular values are wrong by about ||E|| and
        not by its square root, at less than the price of one float64 Gram product of a stored J (measured).

        Where almost all of a gradient lies in fully connected layers, their part is written down from activations and back-propagated errors
        (`linear_layers`), in which the number of parameters plays no part.

        Args:
            progress: called with (done, total) columns; answering False cancels.

        Raises:
            Cancelled: `progress` answered False.
            RiskError: an n x n matrix does not fit in memory, or the Jacobian is not finite.
        """
        sharp = self.sharp or self
        n = self.shape[1]
        check_memory(n)
        if self.is_gradient:
            with room(f"{n:,} tangents of the fully connected layers"):
                share, part = linear_gram(sharp.net, sharp.batch, CLOSED_FORM, progress)
            if part is not None:
                others = [name for name in self.message if name not in share]
                rest = dataclasses.replace(
                    self, release=only(self.release, others), message={k: self.message[k] for k in others}, is_gradient=False
                )
                return self.finite(part.double() + (rest.gram(progress) if others else 0.0))
        push = torch.func.vmap(self.matvec)
        columns = sharp._products(lambda v: sharp._pull(push(v.to(self.point.dtype)).to(v.dtype)), n, n, progress).double()
        return self.finite((columns + columns.T) / 2)

    @functools.cached_property
    def sharp(self) -> Jacobian | None:
        """The same Jacobian in float64.

        None where it was not asked for, where the release cannot run in float64 (a defense that holds single-precision tensors of its own), or where kinks of the net
        (ReLU, max pooling) fall to different sides in the two precisions, so that the two Jacobians differ by more than rounding.
        """
        if self.point.dtype == torch.float64:
            return self
        if not self.precise:
            return None
        double = lambda leaf: leaf.double() if leaf.is_floating_point() else leaf  # noqa: E731
        batch = dataclasses.replace(self.batch, inputs=map_tree(double, self.batch.inputs), targets=map_tree(double, self.batch.targets))
        try:
            twin = Jacobian.of(
                self.release,
                dataclasses.replace(self.net, module=copy.deepcopy(self.net.module).double(), params=map_tree(double, self.net.params)),
                batch,
            )
            return twin if self._gap(twin) <= torch.finfo(self.point.dtype).eps ** 0.5 * self._largest() else None
        except (RuntimeError, TypeError):
            return None

    def resolved(self, largest: float) -> float:
        """Singular value of K below which values are rounding noise. Source: [D], measured (LeNet: at most a fifth of it is noise).

        Args:
            largest: s_1.
        """
        if self.sharp is None:
            return 2 * torch.finfo(self.point.dtype).eps ** 0.5 * largest
        return max(2 * torch.finfo(torch.float64).eps ** 0.5 * largest, self._gap(self.sharp))

    def _gap(self, twin: Jacobian) -> float:
        """Frobenius norm of J minus the twin's J, estimated with a few random signs (the same ones every time)."""
        if twin is self:
            return 0.0
        signs = torch.randint(0, 2, (PROBES, self.shape[1]), generator=torch.Generator().manual_seed(0)) * 2 - 1
        push, other = torch.func.vmap(self.matvec), torch.func.vmap(twin.matvec)
        rows = [other(some.to(twin.point)) - push(some.to(self.point)) for some in signs.split(self.at_once)]
        return float(torch.cat(rows).square().sum().div(PROBES).sqrt())

    def _largest(self) -> float:
        """Estimate of s_1 from below, by power iteration."""
        v, back = torch.ones_like(self.point), torch.func.vjp(self.map, self.point)[1]
        for _ in range(POWER_STEPS):
            v = back(self.matvec(v / v.norm().clamp(min=1e-30)))[0].detach()
        return float(v.norm().sqrt())

    def puller(self) -> Callable[[Tensor], Tensor]:
        """The vjp of many message vectors at once: (k, p) -> (k, n). The graph behind it is made once, and stays as long as what is handed back."""
        back = torch.func.vjp(self.map, self.point)[1]
        return torch.func.vmap(lambda u: back(u)[0])

    @functools.cached_property
    def _pull(self) -> Callable[[Tensor], Tensor]:
        """`puller`, kept."""
        return self.puller()

    def _products(self, push: Callable[[Tensor], Tensor], count: int, width: int, progress: Callable[[int, int], bool] | None) -> Tensor:
        """Apply `push` to all `count` unit vectors, some at once; the results are the rows of a (count, width) matrix."""
        with room(f"a matrix of {count:,} x {width:,}"):
            rows = self.point.new_empty(count, width)
            for start in range(0, count, self.at_once):
                stop = min(start + self.at_once, count)
                units = self.point.new_zeros(stop - start, count)
                units.diagonal(start).fill_(1.0)
                rows[start:stop] = push(units).detach()
                if progress is not None and not progress(stop, count):
                    raise Cancelled("Stopped: the spectrum was not finished.")
            return rows
