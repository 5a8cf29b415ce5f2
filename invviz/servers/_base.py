"""What every server is: it sends nets out, and reads what comes back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import Component

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Generator as Talk
    from typing import TypeAlias

    from torch import Generator, Tensor

    from ..core.planted import Plan
    from ..core.types import Net, Observation, Tree, World
    from .aggregation import Aggregation

    Conversation: TypeAlias = "Talk[ServerGradient | None, Tree | None, Plan]"


@dataclasses.dataclass(frozen=True)
class Server(Component):
    """A server. It chooses the net, and the task, that every client computes its message by."""

    malicious: ClassVar[bool] = True  # it does not follow the protocol
    attack: ClassVar[str] = ""  # what reads its messages where a scenario names no attack; empty: the default of all scenarios
    plan: ClassVar[str] = (
        ""  # kind of notes on the nets that it plants (`core.planted`); empty: none, and any attack may read what comes back
    )
    needs_first_linear: ClassVar[bool] = False  # it sets the weights of a fully connected first layer, which the honest net must have
    needs_first_relu: ClassVar[bool] = False  # ... that ReLU follows
    first_layer: ClassVar[str] = ""  # of the nets that it sends, in the words of `Model.first_layer`; empty: that of the model
    joins_round: ClassVar[bool] = False  # clients of the round are its own devices (`joined`)
    uses_public: ClassVar[bool] = False  # it looks at public samples, with their labels
    for_embeddings: ClassVar[bool] = False  # it also meets parties that send embeddings (vertical FL)
    steers: ClassVar[bool] = (
        False  # it plants no net, but answers training rounds of a party as it likes before the victim's message (`converse`)
    )

    @property
    def plants(self) -> bool:
        """Whether the net that the victim is sent may be one of its own making."""
        return self.malicious and not self.steers

    def plant(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The nets that it sends, one for each client, the victim's first.

        A net may be any that takes the batch: other weights, other layers, another `Net.task`. The victim answers by the task of the net that it was sent.

        Args:
            net: the honest one. It is shared: what is changed is a copy.
            world: public samples (k, ...), none where it does not ask for them (`uses_public`), but of a sample's shape.
            clients: whose messages it sees, together if they are summed.
            rng: the server's own random numbers.
        """
        raise NotImplementedError

    def converse(self, obs: Observation, rng: Generator) -> Conversation:
        """Its part in the training rounds of a party, of those that steer: a generator, which is handed embeddings and never meets the party.

        It first yields None. Embeddings that it is sent (of a batch of the party's training pictures, as they arrive) it answers by a `ServerGradient`. Sent None, it ends and
        returns its notes on what reads the victim's message, which comes after that.

        Args:
            obs: what the server has before the first round: an empty message.
            rng: the server's own random numbers.
        """
        raise NotImplementedError

    def joined(self, aggregation: Aggregation) -> Aggregation:
        """What the aggregation comes to, whoever of the round's clients are the server's own."""
        return aggregation

    def problems(self, shape: tuple[int, ...], num_classes: int, batch: int, clients: int) -> list[str]:
        """Why it cannot do its work here, one sentence each.

        Args:
            shape: of a sample, of a picture (c, h, w).
            num_classes: of the data set.
            batch: samples in the victim's batch.
            clients: as of `plant`.
        """
        return []

    def model_problems(self, model: Any, shape: tuple[int, ...]) -> list[str]:
        """Why the honest net's architecture does not suit it, one sentence each; beside `needs_first_linear` and `needs_first_relu`.

        Args:
            model: of the honest net (`models.Model`, which this room does not import).
            shape: of a sample.
        """
        return []


@dataclasses.dataclass(frozen=True, eq=False)
class ServerGradient:
    """What a server that steers answers to a batch of embeddings, and what it would make of a message by now."""

    gradient: Tree  # with respect to the embeddings, as if it were that of the training loss
    number: int
    total: int  # answers that it wants to give
    loss: float
    decode: Callable[[Tree], Tensor]  # embeddings to pictures (n, c, h, w)
