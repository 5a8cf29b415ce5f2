"""What every attack is: an inverse of one observed message."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import Component
from ..core.errors import InvvizError
from ..core.types import Knowledge, Reconstruction

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress


class Unreadable(InvvizError):
    """A net or a message that an attack cannot work on; says why."""


def nothing_read(obs: Observation, why: object, stopped: bool = False) -> Reconstruction:
    """The answer of an attack that could not read anything: the middle of the bounds, or no words, with the reason."""
    return Reconstruction(obs.template.at(obs.grey), float("inf"), note=str(why), failed=True, stopped=stopped)


@dataclasses.dataclass(frozen=True)
class Attack(Component):
    """An attack. It is given an `Observation` and nothing else."""

    max_batch: ClassVar[int | None] = None  # most samples that it can tell apart; None: no limit of its own
    exact: ClassVar[str] = ""  # when it recovers the batch exactly, in words; empty: never guaranteed
    needs_first_linear: ClassVar[bool] = False
    needs_positions: ClassVar[bool] = False  # reads the gradient of position embeddings before a first attention (vision transformers)
    needs_first_relu: ClassVar[bool] = False  # counts on the zeros that ReLU makes behind the first layer
    fewer_than_classes: ClassVar[bool] = False  # tells apart fewer samples than there are classes
    needs_classes: ClassVar[bool] = False  # counts on what the cross-entropy of class scores does to a gradient
    needs_gradient: ClassVar[bool] = False  # works on a gradient only, not on the update of several local steps

    decodes: ClassVar[bool] = False  # a trained decoder: aims at pictures, and nothing makes its answer match the message
    needs_tangent_noise: ClassVar[bool] = False  # solves for noise along the Jacobian's directions, which it knows to be there
    needs_embedding: ClassVar[bool] = False  # works on embeddings (vertical FL) only
    needs_training_mode: ClassVar[bool] = False  # matches the batch statistics of batch norm, which only training mode has
    knows_classes: ClassVar[bool] = (
        False  # may answer with the mean public picture of a label, which is no leak: its answers are set against that
    )
    one_round: ClassVar[bool] = False  # reads the message of one round; not several of the same batch side by side
    solves: ClassVar[bool] = (
        False  # solves equations other than that its answer gives the whole message, so it may be right where that does not match
    )
    behind_masks: ClassVar[int] = (
        0  # version of its search for the most likely picture where it knows what was held back; stands in keys from 2 on; 0: it has none
    )
    reads: ClassVar[str] = ""  # kind of notes of a dishonest server that it reads by (`core.planted`); empty: none

    def wants(self) -> Knowledge:
        """What it asks to be told beside message and net."""
        return Knowledge()

    def problems(self, entries: int, inputs: int, batch: int) -> list[str]:
        """Why an embedding cannot be inverted on this machine, one sentence each; of those that need embeddings.

        Args:
            entries: numbers in all that is sent of one sample, over all rounds.
            inputs: numbers in one sample.
            batch: samples.
        """
        return []

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The attacker's best guess.

        Args:
            obs: all that the attacker sees.
            rng: the attacker's own random numbers.
            progress: called once a step; answering False asks it to stop and hand over its best so far.
        """
        raise NotImplementedError
