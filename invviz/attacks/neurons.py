"""Reading rows of a first layer that few samples activate."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import torch
from ..core.planted import Neurons
from ..core.types import Knowledge, Reconstruction, Step
from ._base import Attack, nothing_read
from ._read_labels import labels_of

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress

ROUNDINGS = 64  # of what a row shows: by how much two rows that show the same sample may differ
OUTSIDE = 1e-3  # of the bounds' distance: a row that shows values so far outside was activated by several samples


@dataclasses.dataclass(frozen=True)
class ReadNeurons(Attack):
    """Divides every row of the first layer's weight gradient by its bias gradient: a row that one sample alone activates shows that sample.

    Needs a net whose first layer a server planted (trap_weights, qbi). Rows that show the same, to rounding, are certainly one sample each: of several samples, rows show means
    with weights of their own; with two classes that does not hold, and nothing is certified. No answer is more than the batch has samples: certified ones first, then rows
    that show values inside the bounds, of the highest contrast first, as means have less of it.
    """

    name: ClassVar[str] = "neurons"
    title: ClassVar[str] = "Read-out of neurons (planted weights)"
    paper: ClassVar[str] = "boenisch2023curious"
    exact: ClassVar[str] = (
        "a first layer planted by the server, for every sample a row that it alone activates, a loss that depends on it, and an undisturbed gradient"
    )
    reads: ClassVar[str] = "neurons"
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row")
    solves: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    def wants(self) -> Knowledge:
        """How many samples there are."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """One division for each row; `rng` is not used."""
        plan, message = obs.net.plan, obs.sent or obs.message
        if not isinstance(plan, Neurons) or not {plan.weight, plan.bias} <= set(message):
            return nothing_read(obs, "The first layer of this net was not planted. Use server=trap_weights.")
        weight, bias = message[plan.weight], message[plan.bias]
        if not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
            return nothing_read(obs, "The gradient of the first layer is not finite: nothing can be read off it.")
        shown = rows(weight, bias)
        if not len(shown):
            return nothing_read(obs, "No sample activates any row, or the gradient is zero: nothing can be read off it.")
        groups = alike(shown, ROUNDINGS * torch.finfo(weight.dtype).eps)
        image, batch = obs.grey, len(obs.template.private)
        places = chosen(shown, groups, batch, obs.bounds)
        image[: len(places)] = shown[places].reshape(-1, *image.shape[1:]).to(image).clamp(*obs.bounds)
        loss = unexplained(weight, bias, [k for group in groups if len(group) > 1 for k in group])
        progress(Step(1, 1, loss, image))
        twice = sum(len(group) > 1 for group in groups)
        said = [f"{len(shown):,} of {len(bias):,} rows are active, and show {len(groups):,} different things."]
        if obs.num_classes < 3:
            said.append("With two classes rows may agree on a mean of samples, so none is certified.")
        else:
            said.append(f"Rows agree on {twice:,} of them: each of those is one sample.")
        if plan.share == plan.share:
            said.append(
                f"Before the message came, {100 * plan.share:.0f} % of a batch of {batch:,} were expected to activate some row alone."
            )
        labels = labels_of(obs, image[: len(places)])
        return Reconstruction(obs.template.at(image, labels), loss, trace=((1, loss),), note=" ".join(said))


def rows(weight: Tensor, bias: Tensor) -> Tensor:
    """What every active row shows, (active, inputs) in float64."""
    weight, bias = weight.double(), bias.double()
    active = bias.abs() > 1e-9 * bias.abs().amax()
    return weight[active] / bias[active, None]


def unexplained(weight: Tensor, bias: Tensor, certain: list[int]) -> float:
    """The share of the weight's gradient, in squares, that is in rows other than the certain ones, numbered among the active."""
    energy = weight.double().square().sum(1)[bias.double().abs() > 1e-9 * bias.abs().amax()]
    return max(0.0, 1 - float(energy[certain].sum() / energy.sum()))


def alike(shown: Tensor, tolerance: float) -> list[list[int]]:
    """Numbers of rows that show the same thing, in groups; by their order along one direction, in which equal ones are neighbours.

    Args:
        shown: (n, inputs).
        tolerance: relative to the largest value of a row.
    """
    size = shown.abs().amax(1).clamp(min=1e-300)
    along = torch.linspace(0.5, 1.5, shown.shape[1], dtype=shown.dtype, device=shown.device)
    order = ((shown * along).sum(1)).argsort().tolist()
    groups: list[list[int]] = []
    for k in order:
        same = groups and float((shown[k] - shown[groups[-1][0]]).abs().max()) <= tolerance * float(size[k])
        if same:
            groups[-1].append(k)
        else:
            groups.append([k])
    return groups


def chosen(shown: Tensor, groups: list[list[int]], count: int, bounds: tuple[float, float]) -> list[int]:
    """At most so many rows: of the largest groups first, then those inside the bounds by their contrast."""
    slack = OUTSIDE * (bounds[1] - bounds[0])
    inside = ((shown >= bounds[0] - slack) & (shown <= bounds[1] + slack)).all(1)
    contrast = shown.std(1)
    worth = lambda group: (len(group) > 1, bool(inside[group[0]]), float(contrast[group[0]]))  # noqa: E731
    return [group[0] for group in sorted(groups, key=worth, reverse=True)[:count]]
