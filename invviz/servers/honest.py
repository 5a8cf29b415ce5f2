"""The server that follows the protocol."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ._base import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

    from ..core.types import Net, World


@dataclasses.dataclass(frozen=True)
class Honest(Server):
    """Sends every client the net that is trained; it may still look at what comes back."""

    name: ClassVar[str] = "honest"
    title: ClassVar[str] = "Honest server"
    malicious: ClassVar[bool] = False
    for_embeddings: ClassVar[bool] = True

    def plant(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The very net, for each of them."""
        return (net,) * clients
