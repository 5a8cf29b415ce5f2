"""What every aggregation is: a map from the messages of a round to what the server sees."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ...core.component import Component

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from torch import Generator

    from ...core.types import Net, Tree


@dataclasses.dataclass(frozen=True)
class Aggregation(Component):
    """An aggregation says what the server sees: every message, or several of them in one."""

    @property
    def others(self) -> int:
        """Clients whose messages the server sees only together with the victim's."""
        return 0

    @property
    def alters(self) -> bool:
        """Whether the server sees anything but the message that the victim would send by itself."""
        return self.others > 0

    def members(self, rounds: int) -> list[list[bool]]:
        """Of every client, the victim first, in which rounds it is in the sum; those who collude are left out."""
        return [[True] * rounds for _ in range(1 + self.others)]

    @property
    def noise_share(self) -> float:
        """Which share of the variance of its defenses' noise each client adds."""
        return 1.0

    def carried(self, message: Tree, net: Net, pace: float, rng: Generator | None) -> Tree:
        """A client's message as it goes into the sum; without what chance does to it where there is no `rng`. Differentiable.

        Args:
            message: of one client, in its defenses.
            net: that it was sent.
            pace: what the message is multiplied with to become a change of the weights: the learning rate of a gradient, 1 of an update.
            rng: of that client.
        """
        return message

    def rounding_variance(self, pace: float) -> float:
        """Variance that rounding adds to every entry of one client's message; `pace` as of `carried`."""
        return 0.0

    def seen(self, messages: Sequence[Tree]) -> Tree:
        """What the server sees; differentiable in every message.

        Args:
            messages: of the victim, then of the `others`, each {name: tensor}, all with the same names and shapes.
        """
        raise NotImplementedError

    def for_risk(self) -> Self:
        """The one of all those with the same noise-free map that stands in the key of a spectrum."""
        return self

    def problems(self) -> list[str]:
        """Why its knobs do not go together, one sentence each."""
        return []
