"""The joint net of vertical FL: every party's bottom net and the server's top net in one module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.rng import derive

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..models import Shape
    from .vfl import VFL

HIDDEN = 64  # width of the top net's one hidden layer, where it is not the rest of the model
LARGEST = 50_000_000  # weights of the layer that gives embeddings their size


def too_large(count: int, size: int) -> str:
    """Why there is no linear layer from so many numbers to an embedding of a size; empty where there is."""
    if (weights := count * size) <= LARGEST:
        return ""
    fits = f"Lower size to {LARGEST // count:,} or less, or" if count <= LARGEST else "Use smaller pictures, or"
    return (
        f"vfl: size={size} behind {count:,} numbers takes a layer of {weights:,} weights; at most {LARGEST:,} are taken. {fits} cut deeper."
    )


def sized(bottom: nn.Module, held: Shape, size: int, seed: int) -> nn.Module:
    """A bottom net with one more linear layer, to `size` numbers.

    Args:
        bottom: in sequence.
        held: shape of a party's part.
        size: numbers that it sends.
        seed: of the new layer's weights; the global generator is left as it was.

    Raises:
        InvvizError: the layer would be too large.
    """
    nn = torch.nn
    with torch.no_grad():
        count = bottom.eval()(torch.zeros(1, *held)).numel()  # in inference mode, which leaves running statistics as they are
    if words := too_large(count, size):
        raise InvvizError(words)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(*bottom.train().children(), nn.Flatten(), nn.Linear(count, size))


def joint(how: VFL, bottoms: list[nn.Module], top: nn.Module | None, shape: Shape, num_classes: int, seed: int) -> nn.Module:
    """One module of all bottom nets and a top net; of one with a hidden layer, with fresh weights, where none is given."""
    nn = torch.nn

    class Joint(nn.Module):  # made here, because a module-level class would import torch
        def __init__(self) -> None:
            super().__init__()
            self.bottoms = nn.ModuleList(bottoms)
            self.top = top
            self.regions = [how.region(shape, party) for party in range(how.parties)]

        def forward(self, picture: Tensor) -> Tensor:
            sent = [bottom(how.part(picture, party)) for party, bottom in enumerate(self.bottoms)]
            return self.top(sent[0] if len(sent) == 1 else torch.cat([one.flatten(1) for one in sent], 1))  # type: ignore[misc]

    if top is None:
        with torch.no_grad():
            zeros = torch.zeros(1, *shape)
            size = how.size * how.parties or sum(bottom(how.part(zeros, party)).numel() for party, bottom in enumerate(bottoms))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "top"))
            top = nn.Sequential(nn.Linear(size, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, num_classes))
    return Joint()
