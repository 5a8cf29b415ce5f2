"""Reading the bins of a planted layer: every sample that is alone in one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import torch
from ..core.planted import Bins
from ..core.types import Knowledge, Reconstruction, Step
from ._base import Attack, nothing_read
from ._bins import read
from ._read_labels import labels_of

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress
    from ._bins import Reading

ALIKE = 1e-3  # of its largest value: bins that differ by no more show the same


@dataclasses.dataclass(frozen=True)
class ReadBins(Attack):
    """Divides what each bin's neighbours differ by: closed form, no optimisation, a sample for each bin that is not empty.

    Needs a net with a layer of bins (servers imprint, loki and scale_mia), whose plan the server has. Of bins with several samples it gives their mean, weighted as in `imprint`. Where rows
    have twins it says which bins certainly hold one sample; that takes three classes or more: with two, the derivative by the scores has one direction, twins may agree
    whatever is in the bin, and nothing is certified. No answer is more than the batch has samples: certified ones first, then those with the most weight.
    """

    name: ClassVar[str] = "bins"
    title: ClassVar[str] = "Read-out of bins (planted layer)"
    paper: ClassVar[str] = "fowl2022robbing"
    exact: ClassVar[str] = (
        "a layer of bins planted by the server, for every sample a bin of its own, a loss that still depends on what its row passes on, and an undisturbed gradient"
    )
    reads: ClassVar[str] = "bins"
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row")
    solves: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    def wants(self) -> Knowledge:
        """How many samples there are."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """One division for each bin; `rng` is not used."""
        plan, message = obs.net.plan, obs.sent or obs.message
        if not isinstance(plan, Bins) or not {plan.weight, plan.bias} <= set(message):
            return nothing_read(obs, "There is no layer of bins in this net. Use server=imprint.")
        if not (torch.isfinite(message[plan.weight]).all() and torch.isfinite(message[plan.bias]).all()):
            return nothing_read(obs, "The gradient of the planted layer is not finite: nothing can be read off it.")
        found = read(message, plan)
        if not found.filled.any():
            return nothing_read(obs, "All bins are empty, or their gradient is zero: nothing can be read off it.")
        if obs.num_classes < 3:
            found = dataclasses.replace(found, certain=torch.zeros_like(found.certain))
        places = chosen(found, len(obs.template.private))
        image = obs.grey
        shown = found.values[places]
        shown = plan.decode(shown.to(image)) if plan.decode else shown[:, : image[0].numel()]
        image[: len(places)] = shown.reshape(-1, *image.shape[1:]).to(image).clamp(*obs.bounds)
        loss = found.apart if plan.twins and found.apart == found.apart else 0.0
        progress(Step(1, 1, loss, image))
        labels = labels_of(obs, image[: len(places)])
        return Reconstruction(obs.template.at(image, labels), loss, trace=((1, loss),), note=_note(found, plan, obs), failed=False)


def chosen(found: Reading, count: int) -> list[int]:
    """Numbers of at most so many bins: certified ones first, then those that hold most of what was read; none that shows what another one does.

    Where rows are not quite alike (jitter) an empty bin shows a little of what is above it: of a single sample that again, with hardly any mass.
    """
    weight = found.mass / found.mass.amax() * found.filled + 2 * found.certain
    places: list[int] = []
    for k in weight.argsort(descending=True, stable=True).tolist()[: int(found.filled.sum())]:
        own = found.values[k]
        if not any(float((own - found.values[j]).abs().max()) <= ALIKE * float(own.abs().max()) for j in places):
            places.append(k)
        if len(places) == count:
            break
    return places


def _note(found: Reading, plan: Bins, obs: Observation) -> str:
    filled, certain = int(found.filled.sum()), int(found.certain.sum())
    said = [f"{filled:,} of {len(plan.counts):,} bins are not empty."]
    if not plan.twins:
        said.append("Without twins it does not show which of them hold one sample.")
    elif obs.num_classes < 3:
        said.append("With two classes twins may agree whatever is in a bin, so none is certified.")
    else:
        said.append(f"Twins certify {certain:,} of them: those show one sample each.")
    batch = len(obs.template.private)
    share = plan.expected(batch, obs.knowledge.clients)
    said.append(f"Before the message came, {100 * share:.0f} % of a batch of {batch:,} were expected to be alone in a bin.")
    return " ".join(said)
