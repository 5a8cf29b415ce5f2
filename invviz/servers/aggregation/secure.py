"""Secure aggregation: masks that cancel, so that the server sees nothing but a sum."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ...core.component import knob
from ...core.lazy import torch
from ...core.tree import rand_like
from ._base import Aggregation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor

    from ...core.types import Net, Tree


@dataclasses.dataclass(frozen=True)
class Secure(Aggregation):
    """The server sees the sum of the clients' messages; it knows what colluding clients sent, and takes that off.

    The sum, not the mean: who knows how many clients there are knows both. The masks themselves are not simulated, because they cancel exactly. What is left after the colluders is the sum
    over `clients - colluding`, the victim among them. SecAgg+ carries weights, not gradients: each is clipped to +-clip and rounded, by chance up or down, to one of 2^bits levels
    (22 and 8.0 in Flower), which on a gradient is step / lr, step = 2 clip / (2^bits - 1).
    """

    name: ClassVar[str] = "secure"
    title: ClassVar[str] = "Secure aggregation"
    paper: ClassVar[str] = "bonawitz2017secagg"

    clients: int = knob(16, "clients of a round, the victim among them", low=1, high=64, unit="clients")
    colluding: int = knob(
        0,
        "of them, clients that tell the server what they sent, or are its own (sybils); at most all but the victim",
        low=0,
        high=63,
        unit="clients",
    )
    bits: int = knob(
        0,
        "bits to which each client's weights are rounded before they are summed (Flower: 22); 0: neither clipped nor rounded",
        low=0,
        high=32,
        unit="bits",
    )
    clip: float = knob(8.0, "largest weight that can be carried (Flower: 8); used where bits is above 0", low=1e-3, high=1e6, log=True)
    shared_noise: bool = knob(
        False,
        "each client adds only 1/clients of the variance of its defenses' noise, so that the sum of all has it once (distributed differential privacy)",
    )

    partners: str = knob(
        "same",
        "over several rounds: the same clients in each (same), others beside the victim in each (fresh), or a server that chooses them, and leaves the victim out of the last round (without)",
        choices=("same", "fresh", "without"),
        late=True,
    )

    @property
    def others(self) -> int:
        """Clients that neither are the victim nor collude."""
        return max(0, self.clients - 1 - self.colluding)

    @property
    def alters(self) -> bool:
        """More than one message in one, weights that are rounded, or noise that is shared."""
        return self.others > 0 or self.bits > 0 or self.noise_share < 1

    def members(self, rounds: int) -> list[list[bool]]:
        """As the partners say; in one round all of them."""
        always, last = [True] * rounds, [True] * (rounds - 1) + [rounds == 1]
        if self.partners == "fresh":
            return [always] + [[at == now for at in range(rounds)] for now in range(rounds) for _ in range(self.others)]
        return [last if self.partners == "without" else always] + [always] * self.others

    @property
    def noise_share(self) -> float:
        """1 / clients where noise is shared: colluders leave theirs out, or know it."""
        return 1 / self.clients if self.shared_noise else 1.0

    @property
    def step(self) -> float:
        """Between two levels of a weight."""
        return 2 * self.clip / (2**self.bits - 1) if self.bits else 0.0

    def carried(self, message: Tree, net: Net, pace: float, rng: Generator | None) -> Tree:
        """Of the weights after the step: clipped, and rounded where there is an `rng`; as a message again. What is no weight of the net (running statistics) is rounded alone."""
        if not self.bits:
            return message
        draw = lambda leaf: None if rng is None else rand_like(leaf, rng)  # noqa: E731
        return {name: self._carried(leaf, net.params.get(name), pace, draw(leaf)) for name, leaf in message.items()}

    def _carried(self, leaf: Tensor, weight: Tensor | None, pace: float, up: Tensor | None) -> Tensor:
        start = torch.zeros_like(leaf) if weight is None else weight
        end = start - pace * leaf
        kept = end.clamp(-self.clip, self.clip)
        sent = torch.where(end == kept, leaf, (start - kept) / pace)  # as it was wherever nothing is clipped, to the last bit
        if up is None:
            return sent
        levels = (kept.double() + self.clip) / self.step
        rounded = torch.floor(levels + up.double()) * self.step - self.clip
        return sent + ((kept.double() - rounded) / pace).to(leaf)

    def rounding_variance(self, pace: float) -> float:
        """Step^2 / 6 over pace^2: of rounding by chance, f (1 - f) step^2, averaged over where between two levels a weight lies."""
        return (self.step / pace) ** 2 / 6

    def seen(self, messages: Sequence[Tree]) -> Tree:
        """The sum."""
        return {name: sum(message[name] for message in messages) for name in messages[0]}  # type: ignore[misc]

    def for_risk(self) -> Secure:
        """Each colluder takes one client away, and noise enters later; clipping bends the message, so it stays."""
        return self.replace(clients=max(1, self.clients - self.colluding), colluding=0, shared_noise=False)

    def problems(self) -> list[str]:
        """More colluders than there are clients beside the victim."""
        if self.colluding <= self.clients - 1:
            return []
        return [
            f"{self.colluding} colluding clients of {self.clients} leave none that could be the victim; at most {self.clients - 1} can collude. "
            f"Set colluding={self.clients - 1}, or more clients."
        ]
