"""What every protocol is: a release."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.component import Component

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Batch, Net, Tree


@dataclasses.dataclass(frozen=True)
class Protocol(Component):
    """A protocol says which message a client computes from its batch."""

    @property
    def sends_gradient(self) -> bool:
        """Whether the message is the gradient of the mean loss itself."""
        return False

    @property
    def sends_embedding(self) -> bool:
        """Whether the message is what a bottom net makes of the input (vertical FL)."""
        return False

    def message(self) -> str:
        """What is sent, in words."""
        raise NotImplementedError

    def release(self, net: Net, batch: Batch, rng: Generator | None) -> Tree:
        """The message for this batch; differentiable in the batch, also under torch.func transforms."""
        raise NotImplementedError
