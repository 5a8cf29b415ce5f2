"""Vertical federated learning: a party sends what its bottom net makes of its part of the picture."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np

from ..core.component import knob
from ..core.lazy import torch
from ..core.rng import derive
from ._base import Protocol

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from ..core.types import Batch, Net, Tree
    from ..models import Model, Shape

    Pixels = TypeVar("Pixels", np.ndarray, Tensor)

SPLITS = ("columns", "rows", "channels")
HIDDEN = 64  # width of the top net's one hidden layer, where several parties send


@dataclasses.dataclass(frozen=True)
class VFL(Protocol):
    """Each party holds a part of every picture and sends the embedding that its bottom net makes of it; the server's top net reads all of them.

    The bottom net is the model up to the cut. One party alone holds whole pictures: that is split learning, and the top net is then the rest of the
    model; several parties' embeddings go through one hidden layer of 64 units. The attacker knows the nets (theory section 1) and sees
    the embedding of `party`; the label plays no part in it. With init='trained' the nets are trained together on the public pictures.
    """

    name: ClassVar[str] = "vfl"
    title: ClassVar[str] = "Vertical FL (embedding)"
    paper: ClassVar[str] = "vepakomma2018split"

    parties: int = knob(2, "parties that hold a part of every picture each; 1: split learning", low=1, high=8, unit="parties")
    split: str = knob("columns", "how pictures are cut among the parties: columns side by side, rows, or colour channels", choices=SPLITS)
    party: int = knob(0, "the party whose embedding the attacker sees, counted from 0", low=0, high=7)
    cut: int = knob(1, "layers of the model that the party computes, counted by their activations", low=1, high=16, unit="layers")
    activated: bool = knob(True, "the embedding is what comes out of the last activation; False: what goes into it")

    @property
    def sends_embedding(self) -> bool:
        """Always."""
        return True

    def message(self) -> str:
        """The embedding."""
        return "the embedding of its part of the picture" if self.parties > 1 else "the embedding of the picture"

    def shape(self, shape: Shape) -> Shape:
        """Channels, height and width of what the party holds."""
        low, high = self._ends(shape, self.party)
        found = list(shape)
        found[self._axis] = high - low
        return found[0], found[1], found[2]

    def part(self, pictures: Pixels, party: int | None = None) -> Pixels:
        """What a party (by default the one that is attacked) holds of pictures (n, c, h, w)."""
        _, c, h, w = pictures.shape
        low, high = self._ends((c, h, w), self.party if party is None else party)
        index = [slice(None)] * 4
        index[1 + self._axis] = slice(low, high)
        return pictures[tuple(index)]

    def problems(self, model: Model, shape: Shape) -> list[str]:
        """Parts that are too small, a party that does not exist, a cut that the model does not have."""
        found = []
        if self.party >= self.parties:
            found.append(f"vfl: party={self.party} of {self.parties} parties; they are counted from 0. Lower party.")
        if self.parties > shape[self._axis]:
            found.append(
                f"vfl cannot cut {shape[self._axis]} {self.split} among {self.parties} parties. Use fewer parties or another split."
            )
        smallest = list(shape)
        smallest[self._axis] //= self.parties
        if not found and self.parties > 1 and min(smallest[1:]) < model.min_side:
            found.append(
                f"{model.name} needs pictures of at least {model.min_side}x{model.min_side}; a party's part has {smallest[1]}x{smallest[2]}. "
                "Use fewer parties, another split or a smaller model."
            )
        if found or min(shape[1:]) < model.min_side:
            return found
        most = model.depth
        if self.cut > most:
            found.append(f"vfl: cut={self.cut}, and {model.name} has {most} layers with an activation. Lower cut.")
        elif not self.activated and self.cut not in model.open_cuts:
            found.append(
                f"vfl: {model.name} can be cut before an activation at cut={', '.join(map(str, model.open_cuts))} only. Use activated=True."
            )
        return found

    def assemble(self, model: Model, shape: Shape, num_classes: int, seed: int) -> nn.Module:
        """The joint net of all parties on whole pictures, with fresh weights."""
        bottoms, top = [], None
        for party in range(self.parties):
            held = dataclasses.replace(self, party=party).shape(shape)
            stages = model.stages(model.build(held, num_classes, derive(seed, f"party {party}") % 2**31 if self.parties > 1 else seed))
            last = stages[self.cut - 1]
            bottoms.append(torch.nn.Sequential(*stages[: self.cut - 1], last if self.activated else model.opened(last)))
            if self.parties == 1:
                rest = [] if self.activated else [model.closing(last)]
                top = torch.nn.Sequential(*rest, *stages[self.cut :])
        return _joint(self, bottoms, top, shape, num_classes, seed)

    def release(self, net: Net, batch: Batch, rng: Generator | None) -> Tree:
        """The embedding of the party's part."""
        prefix = f"bottoms.{self.party}."
        own = {name.removeprefix(prefix): p for name, p in net.params.items() if name.startswith(prefix)}
        bottom = net.module.get_submodule(prefix[:-1])
        return {"embedding": torch.func.functional_call(bottom, own, (batch.image,))}

    @property
    def _axis(self) -> int:
        return {"channels": 0, "rows": 1, "columns": 2}[self.split]

    def _ends(self, shape: Shape, party: int) -> tuple[int, int]:
        """First pixel of a part and the one after its last; parts differ by one pixel at most."""
        size = shape[self._axis]
        return party * size // self.parties, (party + 1) * size // self.parties


def _joint(how: VFL, bottoms: list[nn.Module], top: nn.Module | None, shape: Shape, num_classes: int, seed: int) -> nn.Module:
    nn = torch.nn

    class Joint(nn.Module):  # made here, because a module-level class would import torch
        def __init__(self) -> None:
            super().__init__()
            self.bottoms = nn.ModuleList(bottoms)
            self.top = top

        def forward(self, picture: Tensor) -> Tensor:
            sent = [bottom(how.part(picture, party)) for party, bottom in enumerate(self.bottoms)]
            return self.top(sent[0] if len(sent) == 1 else torch.cat([one.flatten(1) for one in sent], 1))  # type: ignore[misc]

    if top is None:
        with torch.no_grad():
            zeros = torch.zeros(1, *shape)
            size = sum(bottom(how.part(zeros, party)).numel() for party, bottom in enumerate(bottoms))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "top"))
            top = nn.Sequential(nn.Linear(size, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, num_classes))
    return Joint()
