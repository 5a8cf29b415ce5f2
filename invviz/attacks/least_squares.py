"""Solving for the picture behind an embedding: exact where the bottom net is linear."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import RiskError
from ..core.lazy import torch
from ..core.tree import flatten
from ..core.types import Batch, Knowledge, Reconstruction, Step
from ._base import Attack
from ._matching import UNMATCHED, squared_error

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress

LARGEST = 60_000_000  # entries of the Jacobian of one picture


@dataclasses.dataclass(frozen=True)
class LeastSquares(Attack):
    """Gauss-Newton from a grey picture, x <- x + J^+ (m - f(x)), with the Jacobian J of the embedding and its pseudo-inverse J^+.

    A linear bottom net takes one step, and the picture is exact if and only if J has as many independent rows as the picture has numbers; otherwise what J does not see
    stays grey. Other nets are solved step by step, which may fail. [D] theory section 2 with no noise.
    """

    name: ClassVar[str] = "least_squares"
    title: ClassVar[str] = "Least squares (closed form)"
    needs_embedding: ClassVar[bool] = True
    exact: ClassVar[str] = "a linear bottom net (cut=1, activated=False) whose Jacobian has full column rank, an undisturbed embedding"

    steps: int = knob(20, "Gauss-Newton steps at most; a linear net needs one", low=1, high=100_000, unit="steps")
    rcond: float = knob(1e-6, "singular values below this share of the largest count as zero", low=1e-14, high=0.5, log=True)

    def wants(self) -> Knowledge:
        """How many pictures there are."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """Picture by picture; `rng` is not used."""
        like = obs.template.image
        entries = flatten(obs.message).numel() // len(like) * like[0].numel()
        if entries > LARGEST:
            raise RiskError(
                f"least_squares needs the Jacobian of a picture, {entries:,} numbers here; at most {LARGEST:,} are taken. Use rmle or dlg."
            )
        found, ranks, losses, stopped = [], [], [], False
        for k in range(len(like)):
            image, rank, loss, stopped = self._solve(obs, k, progress)
            found.append(image)
            ranks.append(rank)
            losses.append(loss)
            if stopped:
                found += [torch.full_like(like[:1], sum(obs.bounds) / 2)] * (len(like) - k - 1)
                break
        n, loss = like[0].numel(), max(losses)
        note = (
            "The embedding is not finite."
            if loss != loss
            else f"The Jacobian has rank {min(ranks):,} of {n:,}: "
            + ("every number of the picture is determined." if min(ranks) == n else "the rest stays grey.")
        )
        image = torch.cat(found).clamp(*obs.bounds)
        return Reconstruction(
            Batch.of(image, obs.template.label), loss, ((len(losses), loss),), note, not loss <= UNMATCHED and not stopped, stopped
        )

    def _solve(self, obs: Observation, k: int, progress: Progress) -> tuple[Tensor, int, float, bool]:
        """Picture k, the rank of its last Jacobian, the matching loss, and whether somebody stopped it."""
        target = {name: leaf[k : k + 1] for name, leaf in obs.message.items()}
        label = obs.template.label[k : k + 1]
        send = lambda x: obs.simulate(Batch.of(x, label))  # noqa: E731
        image = torch.full_like(obs.template.image[:1], sum(obs.bounds) / 2)
        best, rank, loss = image, 0, float(squared_error(send(image), target))
        for step in range(self.steps):
            jacobian = torch.func.jacrev(lambda x: flatten(send(x)))(image).flatten(1).detach()
            if not all(bool(torch.isfinite(part).all()) for part in (jacobian, *target.values())):
                return best, 0, float("nan"), False
            u, s, vh = torch.linalg.svd(jacobian, full_matrices=False)
            kept = s > self.rcond * s[0]
            rank = rank or int(kept.sum())
            rest = flatten(target) - flatten(send(image)).detach()
            image = image + (vh[kept].T @ ((u[:, kept].T @ rest) / s[kept])).view_as(image)
            new = float(squared_error(send(image), target))
            going = progress(Step(step + 1, self.steps, new, image.clamp(*obs.bounds)))
            better = new < 0.5 * loss
            if new < loss:
                best, rank, loss = image, int(kept.sum()), new
            if not going or not better or new < 1e-24:
                return best, rank, loss, not going
        return best, rank, loss, False
