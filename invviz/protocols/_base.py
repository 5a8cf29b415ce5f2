"""What every protocol is: a release."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

import numpy as np

from ..core.component import Component

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from ..core.types import Batch, Net, Release, Tree
    from ..models import Model, Shape

    Pixels = TypeVar("Pixels", np.ndarray, Tensor)


@dataclasses.dataclass(frozen=True)
class Protocol(Component):
    """A protocol says which message a client computes from its batch."""

    training_mode: ClassVar[bool] = False  # the client's net is in training mode; all else computes in inference mode

    @property
    def sends_gradient(self) -> bool:
        """Whether the message is the gradient of the mean loss itself, in inference mode."""
        return False

    @property
    def sends_statistics(self) -> bool:
        """Whether what a step changes of batch norm's running statistics is a part of the message."""
        return False

    @property
    def sends_embedding(self) -> bool:
        """Whether the message is what a bottom net makes of the input (vertical FL)."""
        return False

    @property
    def is_model(self) -> bool:
        """Whether the net that is trained is the model itself, whatever the other knobs."""
        return True

    def of_all(self) -> Self:
        """The same without the choice of who is attacked, which training does not depend on."""
        return self

    def bound(self, edges: tuple[int, ...]) -> Self:
        """The same for a table whose rows may be cut at these places only, or for pictures, which have none."""
        return self

    def apart(self) -> tuple[Release, ...]:
        """One release for each of several parties whose messages are read together, of its part of what they hold together; none where there is one."""
        return ()

    def message(self) -> str:
        """What is sent, in words."""
        raise NotImplementedError

    def shape(self, shape: Shape) -> Shape:
        """Channels, height and width of what the client holds of a picture of some shape."""
        return shape

    def part(self, pictures: Pixels, party: int | None = None) -> Pixels:
        """What the client (or a party, where there are several) holds of pictures (n, c, h, w)."""
        return pictures

    def problems(self, model: Model, shape: Shape) -> list[str]:
        """Why it does not go together with a model and pictures of some shape, one sentence each."""
        return model.problems(shape)

    def entries(self, model: Model, shape: Shape) -> int:
        """Numbers in what is sent of one picture, of a protocol that sends embeddings."""
        raise NotImplementedError

    def assemble(self, model: Model, shape: Shape, num_classes: int, seed: int) -> nn.Module:
        """The net that is trained, with fresh weights."""
        return model.build(shape, num_classes, seed)

    def release(self, net: Net, batch: Batch, rng: Generator | None) -> Tree:
        """The message for this batch; differentiable in the batch, also under torch.func transforms."""
        raise NotImplementedError
