"""Reading what every class of a batch sent into the last layer of a planted net."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import torch
from ..core.planted import Classes
from ..core.types import Knowledge, Reconstruction, Step
from ._base import Attack, nothing_read

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress, Tree

NEAR = 1e-2  # of a whole number: a count of samples


@dataclasses.dataclass(frozen=True)
class PerClass(Attack):
    """Takes the last layer's gradient apart into the sum of the features of every class, and turns each into a picture: closed form.

    Needs a net whose scores are the same for every sample (server mkor). The bias's gradient gives the number of samples of every class, exactly. Where a class is missing, its row gives
    the sum over all samples, and every class with one sample is read exactly; where none is, that sum is not to be had, dW / db is taken in its place, and nothing is exact.
    """

    name: ClassVar[str] = "per_class"
    title: ClassVar[str] = "Read-out per class (planted net)"
    paper: ClassVar[str] = "wang2024mkor"
    exact: ClassVar[str] = (
        "a net planted by the server, one sample a class, a class that is missing, and an undisturbed gradient (best in float64)"
    )
    reads: ClassVar[str] = "classes"
    modalities: ClassVar[tuple[str, ...]] = ("picture",)
    needs_gradient: ClassVar[bool] = True
    solves: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    def wants(self) -> Knowledge:
        """How many samples there are."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """One picture for every class that the batch holds; `rng` is not used."""
        plan, message, batch = obs.net.plan, obs.sent or obs.message, len(obs.template.private)
        if not isinstance(plan, Classes) or not {plan.weight, plan.bias} <= set(message):
            return nothing_read(obs, "The scores of this net were not planted. Use server=mkor.")
        if not all(torch.isfinite(message[name]).all() for name in (plan.weight, plan.bias)):
            return nothing_read(obs, "The gradient of the last layer is not finite: nothing can be read off it.")
        counts, means, exact = features(message, plan, batch)
        if counts is None:
            return nothing_read(obs, "The last bias does not give whole numbers of samples, so the message was altered: nothing was read.")
        held = counts.nonzero().flatten()
        image, label = obs.grey, obs.template.label.clone()
        shown = plan.decode(means[held]).nan_to_num(sum(obs.bounds) / 2)[:batch]
        image[: len(shown)] = shown.to(image).clamp(*obs.bounds)
        label[: len(shown)] = held[:batch].to(label)
        progress(Step(1, 1, 0.0, image))
        single = int((counts == 1).sum())
        said = [f"The batch holds {len(held):,} classes; {single:,} of them with one sample."]
        said.append(
            "A class is missing, so those are read exactly, to rounding."
            if exact
            else "No class is missing, so the sum over all is not known, and nothing is exact."
        )
        return Reconstruction(obs.template.at(image, label), 0.0, trace=((1, 0.0),), note=" ".join(said))


def features(message: Tree, plan: Classes, batch: int) -> tuple[Tensor | None, Tensor, bool]:
    """Samples of every class (None where that is no whole number), the mean of their features (classes, features) in float64, and whether a class is missing."""
    weight, bias = message[plan.weight].double(), message[plan.bias].double()
    share = 1 / len(bias)
    exactly = batch * (share - bias)
    counts = exactly.round()
    if float((exactly - counts).abs().max()) > NEAR or int(counts.sum()) != batch or bool((counts < 0).any()):
        return None, weight, False
    missing = counts == 0
    if missing.any():
        total = batch * weight[missing].mean(0)  # of all features, over the number of classes
        return counts, (total - batch * weight) / counts.clamp(min=1)[:, None], True
    return counts, weight / bias[:, None], False
