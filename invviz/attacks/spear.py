"""SPEAR: a batch read off the gradient of a fully connected first layer with ReLU."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.types import Knowledge, Reconstruction, Step
from ._base import Attack, Unreadable
from ._first_layer import Search

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress

CHUNK = 4_096  # most drawings between two reports
NUMBERS = 2**20  # most random numbers drawn at once


@dataclasses.dataclass(frozen=True)
class Spear(Attack):
    """Reads every picture of a batch off the gradient of the first layer, exactly, where ReLU leaves enough zeros in it.

    For z = W x + b and b samples, dL/dW = dL/dZ X^T = L R has rank b. ReLU makes dL/dZ = L Q sparse: the null vector of b - 1 rows of L that are zero for sample i is
    the i-th column of Q. Rows are drawn at random (2^(b - 1) H_b drawings if half of the entries are zero); dL/db gives the lengths of the columns, and the share of neurons
    that the pictures found make active just where dL/dZ is not zero, lambda, is the certificate. [P] (key dimitrov2024spear). Ours: zeros are judged by the noise that
    the singular values after the b-th show, directions are fitted to all their zeros, and each label is the one whose gradient points along that sample's.
    All in float64, whatever the message's precision.
    """

    name: ClassVar[str] = "spear"
    title: ClassVar[str] = "SPEAR (exact batches)"
    paper: ClassVar[str] = "dimitrov2024spear"
    max_batch: ClassVar[int | None] = 16
    exact: ClassVar[str] = (
        "a first layer that is linear with a bias and followed by ReLU, a gradient of rank b by it, for every sample at least b neurons that it leaves off "
        "(b - 1 of them independent), and an undisturbed gradient"
    )
    needs_first_linear: ClassVar[bool] = True
    needs_first_relu: ClassVar[bool] = True
    needs_classes: ClassVar[bool] = True
    needs_gradient: ClassVar[bool] = True
    solves: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    samples: int = knob(
        1_000_000, "most drawings of b - 1 rows; it ends earlier when lambda is 1", low=1, high=100_000_000, unit="drawings"
    )

    def wants(self) -> Knowledge:
        """How many samples there are."""
        return Knowledge(batch_size=True)

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The pictures with the largest lambda. Where the rank is below the batch size, as many as the rank; the rest is grey."""
        like = obs.template.private
        grey = obs.grey
        try:
            search = Search(obs)
        except Unreadable as why:
            return Reconstruction(obs.template.at(grey), float("inf"), note=str(why), failed=True)
        samples = self.samples if search.factors.rank > 1 else 1  # one direction needs no search
        chunk = max(1, min(CHUNK, NUMBERS // len(search.live), samples))
        total, trace, stopped = -(-samples // chunk), list[tuple[int, float]](), False
        for number in range(1, total + 1):
            search.go(min(chunk, samples - chunk * (number - 1)), rng)
            trace.append((number, search.loss))
            stopped = not progress(Step(number, total, search.loss, search.batch.private.to(like.dtype)))
            if stopped or search.agreement == 1:
                break
        found = search.batch.at(search.batch.private.to(like.dtype))
        note = ("Stopped on request. " if stopped else "") + search.verdict()
        return Reconstruction(found, search.loss, tuple(trace), note, not search.certain and not stopped, stopped)
