"""Solving for the picture behind an embedding: exact where the bottom net is linear."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError, RiskError
from ..core.lazy import torch
from ..core.tangents import bytes_written, tangents_that_fit
from ..core.tree import flatten
from ..core.types import Knowledge, Reconstruction, Step
from ._base import Attack
from ._matching import UNMATCHED

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from ..core.types import Observation, Progress

LARGEST = 60_000_000  # entries of the Jacobian
EXACTLY = 1e-8  # matching loss above which an answer is not called determined
PEAK = 4  # gigabytes that so many take at most; 1.4 were measured for 34 million in float64
DONE = 1e-24  # matching loss at which nothing is left to gain


@dataclasses.dataclass(frozen=True)
class LeastSquares(Attack):
    """Gauss-Newton from a grey picture, x <- x + J^+ (m - f(x)), with the Jacobian J of the embedding and its pseudo-inverse J^+.

    A linear bottom net takes one step, and the picture is exact if and only if J has as many independent rows as the picture has numbers; otherwise what J does not see
    stays grey. Other nets are solved step by step, which may fail. [D] theory section 2 with no noise.

    With prior='public' what J does not see is filled in from the mean and the covariance C of public pictures: the most likely picture under them,
    x <- mu + C J^T (J C J^T + s^2)^-1 (m - f(x) + J (x - mu)). Under a linear net this is the ideal attacker of the data set's prior, made real.
    """

    name: ClassVar[str] = "least_squares"
    title: ClassVar[str] = "Least squares (closed form)"
    needs_embedding: ClassVar[bool] = True
    exact: ClassVar[str] = "a linear bottom net (cut=1, activated=False) whose Jacobian has full column rank, an undisturbed embedding"

    steps: int = knob(20, "Gauss-Newton steps at most; a linear net needs one", low=1, high=100_000, unit="steps")
    prior: str = knob("none", "what fills in the rest: nothing (grey), or public pictures of the data set", choices=("none", "public"))
    noise: float = knob(
        1e-3, "s over the message's root mean square, with prior='public', where the noise is not known", low=1e-6, high=10.0, log=True
    )
    rcond: float = knob(1e-6, "singular values below this share of the largest count as zero", low=1e-14, high=0.5, log=True)

    def wants(self) -> Knowledge:
        """How many pictures there are; public ones where they are asked for."""
        return Knowledge(batch_size=True, public_data=self.prior == "public")

    def problems(self, entries: int, inputs: int, batch: int) -> list[str]:
        """A Jacobian of all samples that is too large to be taken apart."""
        numbers = entries * inputs * batch**2
        if numbers <= LARGEST:
            return []
        fits = math.isqrt(LARGEST // (entries * inputs))
        way = f"Lower the batch to {fits}, or use" if fits else "Use smaller pictures, a smaller embedding, or"
        return [
            f"least_squares takes the whole Jacobian apart, {numbers:,} numbers here ({entries * batch:,} are sent of {inputs * batch:,}); "
            f"at most {LARGEST:,} are taken, which is up to {PEAK} GB of memory. {way} rmle or dlg."
        ]

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """All pictures at once, as a defense may look at the whole message; `rng` is not used.

        Raises:
            RiskError: the Jacobian does not fit; says the way out.
        """
        image, target = obs.grey, flatten(obs.message)
        if found := self.problems(target.numel(), image.numel(), 1):
            raise RiskError(" ".join(found))
        send = lambda x: flatten(obs.simulate(obs.template.at(x)))  # noqa: E731
        error = lambda x: float(((send(x) - target) ** 2).sum() / (target**2).sum())  # noqa: E731
        public = _Public.of(obs, self.noise * float(target.square().mean().sqrt())) if self.prior == "public" else None
        image = image if public is None else public.mean.expand_as(image).clone()
        best, rank, loss, stopped, trace = image, 0, error(image), False, []
        for step in range(self.steps):
            jacobian = _jacobian(send, image, len(target))
            if not (torch.isfinite(jacobian).all() and torch.isfinite(target).all()):
                loss = math.nan
                break
            u, s, vh = torch.linalg.svd(jacobian, full_matrices=False)
            kept = s > self.rcond * s[0]
            rank = rank or int(kept.sum())
            if public is None:
                image = image + (vh[kept].T @ ((u[:, kept].T @ (target - send(image))) / s[kept])).view_as(image)
            else:
                image = public.step(image, jacobian, target - send(image))
            new = error(image)
            trace.append((step + 1, new))
            stopped, better = not progress(Step(step + 1, self.steps, new, image.clamp(*obs.bounds))), new < 0.5 * loss
            if new < loss:
                best, rank, loss = image, int(kept.sum()), new
            if stopped or not better or new < DONE:
                break
        note = "The embedding is not finite." if math.isnan(loss) else _certificate(rank, image.numel(), loss, public is not None)
        failed = not loss <= UNMATCHED and not stopped
        return Reconstruction(obs.template.at(best.clamp(*obs.bounds)), loss, tuple(trace), note, failed, stopped)


def _certificate(rank: int, unknowns: int, loss: float, public: bool) -> str:
    """What the rank of the Jacobian, and what is left of the embedding, say of the answer."""
    found = f"The Jacobian has rank {rank:,} of {unknowns:,}: "
    if rank < unknowns:
        return found + ("the rest is filled in from public pictures." if public else "the rest stays grey.")
    if loss > EXACTLY:
        return f"{found}every number is determined, but not exact: {loss**0.5:.1e} of the embedding is left unexplained, so it was altered or the steps did not suffice."
    return f"{found}every number of the picture is determined, if nothing altered the embedding."


def _jacobian(send: Callable[[Tensor], Tensor], image: Tensor, entries: int) -> Tensor:
    """All derivatives of a message of so many entries, (entries, n): by columns or by rows, whichever are fewer, as many at once as fit in memory."""
    many = tangents_that_fit(bytes_written(send, image))
    if image.numel() >= entries:
        return torch.func.jacrev(send, chunk_size=many)(image).flatten(1).detach()
    push = torch.func.vmap(lambda v: torch.func.jvp(send, (image,), (v,))[1], chunk_size=many)
    return push(torch.eye(image.numel(), dtype=image.dtype, device=image.device).view(-1, *image.shape)).T.detach()


@dataclasses.dataclass(frozen=True, eq=False)
class _Public:
    """What public pictures say of every picture: mean (1, c, h, w), a root L (d, r) of the covariance L L^T; and the noise on a message entry."""

    mean: Tensor
    root: Tensor
    sigma: float

    @classmethod
    def of(cls, obs: Observation, sigma: float) -> _Public:
        if obs.public is None or len(obs.public) < 2:
            raise InvvizError("least_squares(prior='public') takes public pictures, and there are none here. Use prior='none'.")
        spread = (obs.public - obs.public.mean(0)).flatten(1).T / (len(obs.public) - 1) ** 0.5
        if spread.shape[1] > spread.shape[0]:  # more pictures than pixels: the same covariance has a smaller root
            values, vectors = torch.linalg.eigh(spread @ spread.T)
            spread = vectors * values.clamp(min=0).sqrt()
        return cls(obs.public.mean(0, keepdim=True), spread, obs.noise or sigma)

    def step(self, image: Tensor, jacobian: Tensor, rest: Tensor) -> Tensor:
        """The most likely picture under the net made linear at `image`: with A = J L, mu + L A^T (A A^T + s^2)^-1 r = mu + L (A^T A + s^2)^-1 A^T r."""
        rows = jacobian.reshape(len(jacobian), len(image), -1)  # pictures of a batch are independent of one another
        seen, rest = (rows @ self.root).flatten(1), rest + jacobian @ (image - self.mean).flatten()
        wide = seen.shape[0] <= seen.shape[1]
        square = seen @ seen.T if wide else seen.T @ seen
        square.diagonal().add_(self.sigma**2)
        found = seen.T @ torch.linalg.solve(square, rest) if wide else torch.linalg.solve(square, seen.T @ rest)
        return self.mean + (found.view(len(image), -1) @ self.root.T).view_as(image)
