"""Solving for the picture behind an embedding: exact where the bottom net is linear."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError, RiskError
from ..core.lazy import torch
from ..core.tree import flatten
from ..core.types import Batch, Knowledge, Reconstruction, Step
from ._base import Attack
from ._matching import UNMATCHED

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress

LARGEST = 60_000_000  # entries of the Jacobian
EXACTLY = 1e-8  # matching loss above which an answer is not called determined
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

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """All pictures at once, as a defense may look at the whole message; `rng` is not used.

        Raises:
            RiskError: the Jacobian does not fit; says the way out.
        """
        image, target = obs.grey, flatten(obs.message)
        if (entries := target.numel() * image.numel()) > LARGEST:
            raise RiskError(
                f"least_squares needs the whole Jacobian, {entries:,} numbers here; at most {LARGEST:,} are taken. Use rmle or dlg."
            )
        send = lambda x: flatten(obs.simulate(Batch.of(x, obs.template.label)))  # noqa: E731
        error = lambda x: float(((send(x) - target) ** 2).sum() / (target**2).sum())  # noqa: E731
        public = _Public.of(obs, self.noise * float(target.square().mean().sqrt())) if self.prior == "public" else None
        image = image if public is None else public.mean.expand_as(image).clone()
        best, rank, loss, stopped, trace = image, 0, error(image), False, []
        for step in range(self.steps):
            jacobian = torch.func.jacrev(send)(image).flatten(1).detach()
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
        return Reconstruction(Batch.of(best.clamp(*obs.bounds), obs.template.label), loss, tuple(trace), note, failed, stopped)


def _certificate(rank: int, unknowns: int, loss: float, public: bool) -> str:
    """What the rank of the Jacobian, and what is left of the embedding, say of the answer."""
    found = f"The Jacobian has rank {rank:,} of {unknowns:,}: "
    if rank < unknowns:
        return found + ("the rest is filled in from public pictures." if public else "the rest stays grey.")
    if loss > EXACTLY:
        return f"{found}every number is determined, but not exact: {loss**0.5:.1e} of the embedding is left unexplained, so it was altered or the steps did not suffice."
    return f"{found}every number of the picture is determined, if nothing altered the embedding."


@dataclasses.dataclass(frozen=True, eq=False)
class _Public:
    """What public pictures say of every picture: mean (1, c, h, w) and covariance (d, d); and the noise on a message entry."""

    mean: Tensor
    covariance: Tensor
    sigma: float

    @classmethod
    def of(cls, obs: Observation, sigma: float) -> _Public:
        if obs.public is None or len(obs.public) < 2:
            raise InvvizError("least_squares(prior='public') takes public pictures, and there are none here. Use prior='none'.")
        flat = obs.public.flatten(1)
        return cls(obs.public.mean(0, keepdim=True), torch.cov(flat.T).reshape(flat.shape[1], flat.shape[1]), obs.noise or sigma)

    def step(self, image: Tensor, jacobian: Tensor, rest: Tensor) -> Tensor:
        """The most likely picture under the net made linear at `image`."""
        rows = jacobian.reshape(len(jacobian), len(image), -1)  # pictures of a batch are independent of one another
        spread = (rows @ self.covariance).flatten(1)
        known = spread @ jacobian.T + self.sigma**2 * torch.eye(len(jacobian), dtype=image.dtype, device=image.device)
        change = spread.T @ torch.linalg.solve(known, rest + jacobian @ (image - self.mean).flatten())
        return self.mean + change.view_as(image)
