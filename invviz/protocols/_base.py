"""What every protocol is: a release."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import Component

if TYPE_CHECKING:
    from torch import Generator

    from ..core.types import Batch, Net, Tree


@dataclasses.dataclass(frozen=True)
class Protocol(Component):
    """A protocol says which message a client computes from its batch."""

    message: ClassVar[str] = ""  # what is sent, in words

    def release(self, net: Net, batch: Batch, rng: Generator | None) -> Tree:
        """The message for this batch; differentiable in the batch, also under torch.func transforms."""
        raise NotImplementedError
