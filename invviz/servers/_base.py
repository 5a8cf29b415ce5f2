"""What every server is: it sends nets out, and reads what comes back."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import Component

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

    from ..core.types import Net, World
    from .aggregation import Aggregation


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
    for_embeddings: ClassVar[bool] = False  # it also plants nets that make embeddings (vertical FL)

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
