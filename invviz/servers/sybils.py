"""Sybils: the server fills the round with devices of its own, whose messages it knows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ._base import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

    from ..core.types import Net, World
    from .aggregation import Aggregation


@dataclasses.dataclass(frozen=True)
class Sybils(Server):
    """Every client gets the honest net, but others of the round are the server's own devices: it knows what they send and takes it off the sum.

    They are the colluding clients of `aggregation=secure`, and count as such: where they are all but the victim, the sum is the victim's message; where clients share the noise
    of their defenses, what is left has the victim's share of it alone. [P] (key boenisch2023sybils).
    """

    name: ClassVar[str] = "sybils"
    title: ClassVar[str] = "Sybils (the server's own devices)"
    paper: ClassVar[str] = "boenisch2023sybils"
    joins_round: ClassVar[bool] = True

    devices: int = knob(63, "devices of the server's own in the round, at most all but the victim", low=1, high=63, unit="devices")

    def joined(self, aggregation: Aggregation) -> Aggregation:
        """Its devices collude."""
        known: Any = aggregation.values()
        if "colluding" not in known:
            return aggregation
        return aggregation.replace(colluding=max(known["colluding"], min(self.devices, known["clients"] - 1)))

    def plant(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The very net, for each of them."""
        return (net,) * clients
