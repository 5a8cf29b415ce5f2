"""What every attack is: an inverse of one observed message."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import Component
from ..core.types import Knowledge

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Observation, Progress, Reconstruction


@dataclasses.dataclass(frozen=True)
class Attack(Component):
    """An attack. It is given an `Observation` and nothing else."""

    max_batch: ClassVar[int | None] = None  # most samples that it can tell apart; None: no limit of its own
    exact: ClassVar[str] = ""  # when it recovers the batch exactly, in words; empty: never guaranteed
    needs_first_linear: ClassVar[bool] = False
    needs_gradient: ClassVar[bool] = False  # works on a gradient only, not on the update of several local steps

    needs_embedding: ClassVar[bool] = False  # works on embeddings (vertical FL) only

    def wants(self) -> Knowledge:
        """What it asks to be told beside message and net."""
        return Knowledge()

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The attacker's best guess.

        Args:
            obs: all that the attacker sees.
            rng: the attacker's own random numbers.
            progress: called once a step; answering False asks it to stop and hand over its best so far.
        """
        raise NotImplementedError
