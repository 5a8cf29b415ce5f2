"""Reading the one sample that a planted net singles out of a batch."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.planted import Single
from ..core.types import Knowledge, Reconstruction, Step
from ._base import Attack, nothing_read
from ._descent import match_direction

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress

MIXED = 0.5  # of dW that no single picture explains: above it none was read
NEAR = 1e-3  # of a whole number: a count of samples


@dataclasses.dataclass(frozen=True)
class SingledOut(Attack):
    """Takes the message for that of one sample, which a server (fishing, geminio) made all of it or most, and reads that one; the others of the batch stay grey.

    Behind a fully connected first layer in closed form, exact where nothing else is in the gradient; elsewhere a search by the direction of the gradient (inverting_gradients), which is
    blind to the share of a batch that one sample is.
    """

    name: ClassVar[str] = "singled_out"
    title: ClassVar[str] = "Read-out of one singled out sample"
    paper: ClassVar[str] = "wen2022fishing"
    exact: ClassVar[str] = "one sample in the gradient, a first layer that is linear with a bias, and an undisturbed gradient"
    reads: ClassVar[str] = "single"
    solves: ClassVar[bool] = True  # for one sample: the whole batch's message is not to be had
    one_round: ClassVar[bool] = True

    steps: int = knob(500, "steps of the search, where there is one", low=1, high=100_000, unit="steps")
    lr: float = knob(0.1, "its learning rate (Adam, on the sign of the gradient)", low=1e-5, high=10.0, log=True)
    tv: float = knob(1e-4, "its weight of the total variation", low=0.0, high=10.0, log=True)

    def wants(self) -> Knowledge:
        """How many samples there are."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """One division, or a search; of the batch the first place is filled."""
        plan, message = obs.net.plan, obs.sent or obs.message
        if not isinstance(plan, Single) or not set(plan.trusted) <= set(message):
            return nothing_read(obs, "Nothing in this net singles out a sample. Use server=fishing.")
        if not all(torch.isfinite(leaf).all() for leaf in message.values()):
            return nothing_read(obs, "The message is not finite: nothing can be read off it.")
        own = {name: message[name] for name in plan.trusted}
        count, said = _count(obs, plan)
        if count == 0 or not any(leaf.any() for leaf in own.values()):
            return nothing_read(obs, f"{said} There is nothing to read.".strip())
        label = torch.full_like(obs.template.label[:1], plan.label)
        template = obs.template.single(0).at(obs.grey[:1], label)
        alone = dataclasses.replace(obs, message=own, sent=None, seen=None, template=template)
        weight, bias = list(own.values())[:2] if len(own) > 1 else (torch.zeros(()), torch.zeros(()))
        closed = weight.ndim == 2 and bias.ndim == 1 and weight.shape[1] == template.private.numel()
        part = lambda tree: {name: tree[name] for name in plan.trusted}  # noqa: E731
        found = _closed(alone, progress) if closed else match_direction(alone, rng, progress, self.steps, 1, self.lr, self.tv, part)
        image = obs.grey
        image[0] = found.batch.private[0]
        labels = obs.template.label.clone()
        labels[0] = plan.label
        share = (
            ""
            if plan.share != plan.share
            else f"By public samples, {100 * plan.share:.0f} % of a batch's loss was expected to be one sample's."
        )
        rest = f"The other {len(image) - 1:,} of the batch are not looked for." if len(image) > 1 else ""
        note = " ".join(part for part in (said, share, rest, found.note) if part)
        return dataclasses.replace(found, batch=obs.template.at(image, labels), note=note)


def _closed(obs: Observation, progress: Progress) -> Reconstruction:
    """dW^T db / |db|^2, and the share of dW that it does not explain."""
    weight, bias = (leaf.double() for leaf in list(obs.message.values())[:2])
    row = bias @ weight / (bias**2).sum()
    loss = float(((weight - torch.outer(bias, row)) ** 2).sum() / (weight**2).sum())
    if not torch.isfinite(row).all():
        return nothing_read(obs, "The first layer's gradient is zero: nothing can be read off it.")
    image = row.reshape(obs.template.private.shape).to(obs.template.private).clamp(*obs.bounds)
    progress(Step(1, 1, loss, image))
    return Reconstruction(obs.template.at(image), loss, trace=((1, loss),), failed=loss > MIXED)


def _count(obs: Observation, plan: Single) -> tuple[int | None, str]:
    """How many samples are in the gradient, where the last bias tells it (else None), and the sentence about it."""
    if plan.counts is None:
        return None, ""
    place, sign = plan.counts
    last = list(obs.message.values())[-1]
    found = sign * len(obs.template.private) * float(last[place]) if last.ndim == 1 else float("nan")
    if not abs(found - round(found)) < NEAR if found == found else True:
        return None, "The last bias does not tell how many samples are in the gradient."
    samples = {0: "no sample", 1: "one sample"}.get(round(found), f"{round(found):,} samples, of which a mean is read")
    return round(found), f"The last bias tells that the gradient holds {samples}."
