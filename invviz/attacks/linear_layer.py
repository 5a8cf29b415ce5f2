"""Reading a picture off the gradient of a fully connected first layer."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.lazy import torch
from ..core.types import Batch, Knowledge, Reconstruction, Step
from ._base import Attack, nothing_read
from ._closed_form import WHAT, changed_before
from ._labels import told_label
from ._matching import UNMATCHED, up_to_length

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Progress

ROUNDINGS = 100  # of the message: above them the rows are not those of one picture
LUCK = 2.0  # times what one picture explains of rows of noise: below this nothing was read
CHANCE = "They agree no more than rows of noise would: the message holds too little."
SCALED = 1e-3  # distance from one at which the message's scale is told


@dataclasses.dataclass(frozen=True)
class LinearLayer(Attack):
    """Divides the first layer's weight gradient by its bias gradient: closed form, no optimisation.

    For z = W x + b and one sample, dL/dW = delta x^T and dL/db = delta, so every row with delta_k != 0 gives x. The rows are
    combined by least squares, x = dW^T db / |db|^2. Its matching loss is the share of dW that no picture explains (rank above one).
    """

    name: ClassVar[str] = "linear_layer"
    title: ClassVar[str] = "Linear layer (closed form)"
    paper: ClassVar[str] = "phong2018additively"
    max_batch: ClassVar[int | None] = 1
    exact: ClassVar[str] = "one sample, a first layer that is linear with a bias, an undisturbed gradient, and at least one active neuron"
    needs_first_linear: ClassVar[bool] = True
    needs_gradient: ClassVar[bool] = True
    solves: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    def wants(self) -> Knowledge:
        """That the batch holds one sample."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """One least-squares step; `rng` is not used."""
        weight, bias = list(obs.message.values())[:2]
        if not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
            return _nothing(obs)
        if obs.seen is not None:
            return _from_seen(obs, progress)
        row = bias @ weight / (bias**2).sum()
        if not torch.isfinite(row).all():  # 0 / 0, or squares beyond what their precision holds
            return _nothing(obs)
        unexplained = float(((weight - torch.outer(bias, row)) ** 2).sum() / (weight**2).sum())
        image = row.reshape(obs.template.private.shape).clamp(*obs.bounds)
        progress(Step(1, 1, unexplained, image))
        label = told_label(obs, obs.sent or obs.message).to(obs.template.label)
        note, failed = _certificate(obs, row, obs.template.at(image, label), unexplained), _by_chance(unexplained, len(weight))
        note = f"{note} {CHANCE}" if failed else note
        return Reconstruction(obs.template.at(image, label), unexplained, trace=((1, unexplained),), note=note, failed=failed)


def _by_chance(unexplained: float, rows: int) -> bool:
    """Whether the rows agree no more than rows of noise do: one picture then explains about one part in as many as there are rows (an F ratio of 1)."""
    return rows > 1 and (1 - unexplained) * (rows - 1) < LUCK * unexplained


def _nothing(obs: Observation) -> Reconstruction:
    note = "The first layer's gradient is zero (no neuron is active) or not finite: nothing can be read off it."
    return nothing_read(obs, note)


def _certificate(obs: Observation, row: Tensor, found: Batch, unexplained: float) -> str:
    """Whether all rows and the rest of the message are those of one picture."""
    left, rounding = unexplained**0.5, torch.finfo(row.dtype).eps
    if left > ROUNDINGS * rounding:
        return f"Not exact: the rows of the first layer's gradient contradict each other (by {left:.1e} of their size), so the message was altered."
    whole, scale = up_to_length(obs.simulate(found), obs.message)
    sure = f"all rows of the first layer's gradient show the same picture (to {max(left, rounding):.0e} of their size)"
    if changed := changed_before(row, obs.bounds):
        return f"Not exact: {sure}, but {changed}."
    if not whole <= UNMATCHED:
        return f"Not exact: {sure}, but the rest of the message is not that of this picture."
    scaled = f"; the message is {scale:.4g} times a gradient, which does not matter here" if abs(scale - 1) > SCALED else ""
    return f"Exact: {sure}{scaled}; {WHAT}."


def _from_seen(obs: Observation, progress: Progress) -> Reconstruction:
    """The same, each pixel from the rows in which both its weight and the bias were sent; 0, as they say, where all its entries are 0."""
    (weight, bias), (sent, known) = (list(tree.values())[:2] for tree in (obs.message, obs.seen or {}))
    use = sent * known[:, None]
    energy = (bias[:, None] ** 2 * use).sum(0)
    row = (bias[:, None] * weight * use).sum(0) / energy.clamp(min=1e-30)
    if not torch.isfinite(row).all():
        return _nothing(obs)
    unexplained = float((((weight - torch.outer(bias, row)) * use) ** 2).sum() / (weight**2 * use).sum().clamp(min=1e-30))
    image = row.reshape(obs.template.private.shape).clamp(*obs.bounds)
    progress(Step(1, 1, unexplained, image))
    lost = int((energy == 0).sum())
    note = f"{lost:,} of {len(row):,} values have no entry but zeros, held back or true; they are taken for 0." if lost else ""
    label = told_label(obs, obs.sent or obs.message).to(obs.template.label)
    return Reconstruction(obs.template.at(image, label), unexplained, trace=((1, unexplained),), note=note, failed=lost == len(row))
