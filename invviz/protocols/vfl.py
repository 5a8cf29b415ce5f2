"""Vertical federated learning: a party sends what its bottom net makes of its part of the picture."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np

from ..core.component import knob
from ..core.lazy import torch
from ..core.rng import derive
from ._base import Protocol
from ._joint import joint, sized, too_large

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from ..core.types import Batch, Net, Release, Tree
    from ..models import Model, Shape

    Pixels = TypeVar("Pixels", np.ndarray, Tensor)

SPLITS = ("columns", "rows", "channels", "quadrants")
AXES = {"channels": 0, "rows": 1, "columns": -1}
ALONG = ("columns", "channels")  # ways to cut series


@dataclasses.dataclass(frozen=True)
class VFL(Protocol):
    """Each party holds a part of every picture and sends the embedding that its bottom net makes of it; the server's top net reads all of them. Series are cut along time.

    The bottom net is the model up to the cut. One party alone holds whole pictures: that is split learning, and the top net is then the rest of the
    model; several parties' embeddings go through one hidden layer of 64 units. With `size` every bottom net ends in a linear layer to so many numbers, and
    the top net is that hidden layer for one party, too. The attacker knows the nets (theory section 1) and sees
    the embedding of `party`, or of several parties that put theirs together; the label plays no part in it. With init='trained' the nets are
    trained together on the public pictures.
    """

    name: ClassVar[str] = "vfl"
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row", "series")
    title: ClassVar[str] = "Vertical FL (embedding)"
    paper: ClassVar[str] = "vepakomma2018split"

    parties: int = knob(2, "parties that hold a part of every picture each; 1: split learning", low=1, high=8, unit="parties")
    split: str = knob(
        "columns",
        "how pictures are cut among the parties: columns side by side (of series: one time after the other), rows, channels, or four quadrants",
        choices=SPLITS,
    )
    party: int = knob(0, "the party whose embedding the attacker sees, counted from 0", low=0, high=7)
    together: int = knob(1, "parties, from that one on, whose embeddings the attacker puts together", low=1, high=8, unit="parties")
    cut: int = knob(1, "layers of the model that the party computes, counted by their activations", low=1, high=16, unit="layers")
    activated: bool = knob(True, "the embedding is what comes out of the last activation; False: what goes into it")

    size: int = knob(
        0,
        "numbers in every party's embedding, made by one more linear layer behind the cut; 0: as many as the cut gives, without that layer",
        low=0,
        high=4096,
        unit="numbers",
        late=True,
    )

    edges: tuple[int, ...] = dataclasses.field(
        default=(), compare=False
    )  # where columns of a table begin, and its width; no knob: of the data

    def bound(self, edges: tuple[int, ...]) -> VFL:
        """The same for a table whose columns begin at these places: every party holds whole columns."""
        return self if self.edges == edges else dataclasses.replace(self, edges=edges)

    def of_all(self) -> VFL:
        """The same without the choice of who is attacked, which training does not depend on."""
        return dataclasses.replace(self, party=0, together=1)

    def of(self, party: int) -> VFL:
        """The same with one party attacked."""
        return dataclasses.replace(self, party=party, together=1)

    @property
    def sends_embedding(self) -> bool:
        """Always."""
        return True

    @property
    def is_model(self) -> bool:
        """Whether bottom and top together are the model itself, wherever it is cut."""
        return self.parties == 1 and self.size == 0

    def message(self) -> str:
        """The embedding, or several."""
        if self.together > 1:
            return f"the embeddings of {self.together} parts of the picture"
        return "the embedding of its part of the picture" if self.parties > 1 else "the embedding of the picture"

    def shape(self, shape: Shape) -> Shape:
        """Channels, height and width (of series channels and length) of what the attacked parties hold."""
        return tuple(end - start for start, end in zip(*self._box(shape), strict=True))

    def part(self, pictures: Pixels, party: int | None = None) -> Pixels:
        """What a party (by default all that are attacked) holds of pictures (n, c, h, w), or of series (n, c, length)."""
        shape = tuple(pictures.shape[1:])
        return _cut(pictures, *(self._box(shape) if party is None else self.region(shape, party)))

    def region(self, shape: Shape, party: int) -> tuple[Shape, Shape]:
        """First channel, row and column (of series channel and place) of a party's part, and those after its last; parts differ by one pixel at most.

        Of a party that does not exist (`problems` says so) the last one's: the screen still has to show something.
        """
        party = min(party, self.parties - 1)
        low, high = [0] * len(shape), list(shape)
        if len(shape) < 3 and self.split not in ALONG:
            return tuple(low), tuple(high)  # likewise
        if self.split == "quadrants":
            for axis, side in ((1, party // 2), (2, party % 2)):
                low[axis], high[axis] = side * shape[axis] // 2, (side + 1) * shape[axis] // 2
        else:
            axis = AXES[self.split]
            places = self.edges or range(shape[axis] + 1)
            count = len(places) - 1
            low[axis], high[axis] = places[party * count // self.parties], places[(party + 1) * count // self.parties]
        return tuple(low), tuple(high)

    def problems(self, model: Model, shape: Shape) -> list[str]:
        """Parts that are too small, a party that does not exist, a cut that the model does not have."""
        found, quadrants = [], self.split == "quadrants"
        if len(shape) not in (2, 3):
            return ["vfl cuts pictures, rows and series, and these samples are none of them. Use protocol=hfl, or a data set of pictures."]
        if len(shape) == 2 and self.parties > 1 and self.split not in ALONG:
            return [f"vfl: series are cut along time or by channels; split is {self.split}. Use split='columns', which is along time."]
        if self.edges and self.split != "columns":
            return [f"vfl: a table is cut by its columns; split is {self.split}. Use split='columns'."]
        if self.party >= self.parties:
            found.append(f"vfl: party={self.party} of {self.parties} parties; they are counted from 0. Lower party.")
        elif self.party + self.together > self.parties:
            found.append(
                f"vfl: together={self.together} from party {self.party} on, and there are {self.parties} parties. Lower together or party."
            )
        if quadrants and self.parties != 4:
            found.append(f"vfl: quadrants are for 4 parties; parties is {self.parties}. Use parties=4.")
        elif quadrants and (self.together == 3 or (self.together == 2 and self.party == 1)):
            found.append(
                f"vfl: the quadrants of {self.together} parties from party {self.party} on make no rectangle. Use together=1, 4, or 2 with party=0 or 2."
            )
        if not quadrants and self.parties > (most := len(self.edges) - 1 if self.edges else shape[AXES[self.split]]):
            found.append(f"vfl cannot cut {most} {self.split} among {self.parties} parties. Use fewer parties or another split.")
        if found:
            return found
        smallest = self._least(shape)
        if len(shape) == 3 and self.parties > 1 and min(smallest[1:]) < model.min_side:
            found.append(
                f"{model.name} needs pictures of at least {model.min_side}x{model.min_side}; a party's part has {smallest[1]}x{smallest[2]}. "
                "Use fewer parties, another split or a smaller model."
            )
        if found or min(shape[1:]) < model.min_side:
            return found
        for held in dict.fromkeys(self.of(party).shape(shape) for party in range(self.parties)):
            found += model.problems(held)
        if found:
            return found
        most = model.depth
        if self.cut > most:
            found.append(f"vfl: cut={self.cut}, and {model.name} has {most} layers with an activation. Lower cut.")
        elif not self.activated and not model.open_cuts:
            found.append(f"vfl: {model.name} can be cut behind whole blocks only, not before an activation. Use activated=True.")
        elif not self.activated and self.cut not in model.open_cuts:
            found.append(
                f"vfl: {model.name} can be cut before an activation at cut={', '.join(map(str, model.open_cuts))} only. Use activated=True."
            )
        elif self.size:
            counts = [model.entries(self.of(party).shape(shape), self.cut, self.activated) for party in range(self.parties)]
            found += filter(None, [too_large(max(counts), self.size)])
        return found

    def entries(self, model: Model, shape: Shape) -> int:
        """Numbers in what all attacked parties send of one picture."""
        attacked = range(self.party, self.party + self.together)
        return sum(self.size or model.entries(self.of(party).shape(shape), self.cut, self.activated) for party in attacked)

    def assemble(self, model: Model, shape: Shape, num_classes: int, seed: int) -> nn.Module:
        """The joint net of all parties on whole pictures, with fresh weights.

        Raises:
            InvvizError: the layer that gives embeddings their size would be too large.
        """
        bottoms, top = [], None
        for party in range(self.parties):
            held = self.of(party).shape(shape)
            stages = model.segments(model.build(held, num_classes, derive(seed, f"party {party}") % 2**31 if self.parties > 1 else seed))
            last = stages[self.cut - 1]
            bottom = torch.nn.Sequential(*stages[: self.cut - 1], last if self.activated else model.opened(last))
            bottoms.append(sized(bottom, held, self.size, derive(seed, f"embedding {party}")) if self.size else bottom)
            if self.is_model:
                rest = [] if self.activated else [model.closing(last)]
                top = torch.nn.Sequential(*rest, *stages[self.cut :])
        return joint(self, bottoms, top, shape, num_classes, seed)

    def release(self, net: Net, batch: Batch, rng: Generator | None) -> Tree:
        """The embedding of the party's part; of several parties one each, by number."""
        if self.together == 1:
            return {"embedding": self._embedding(net, batch.image, self.party)}
        return {name: leaf for one in self.apart() for name, leaf in one(net, batch, rng).items()}

    def apart(self) -> tuple[Release, ...]:
        """Of every attacked party its own embedding, by number; none for a single party."""

        def of(party: int) -> Release:
            def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
                regions: list[tuple[Shape, Shape]] = net.module.regions  # type: ignore[assignment]
                origin = regions[self.party][0]
                low, high = (tuple(a - b for a, b in zip(end, origin, strict=True)) for end in regions[party])
                return {f"embedding.{party}": self._embedding(net, _cut(batch.image, low, high), party)}

            return release

        return tuple(of(party) for party in range(self.party, self.party + self.together)) if self.together > 1 else ()

    def _embedding(self, net: Net, part: Tensor, party: int) -> Tensor:
        prefix = f"bottoms.{party}."
        own = {name.removeprefix(prefix): p for name, p in net.params.items() if name.startswith(prefix)}
        return torch.func.functional_call(net.module.get_submodule(prefix[:-1]), own, (part,), tie_weights=False)  # as in Net.outputs

    def _box(self, shape: Shape) -> tuple[Shape, Shape]:
        """What holds the parts of all attacked parties."""
        return self.region(shape, self.party)[0], self.region(shape, self.party + self.together - 1)[1]

    def _least(self, shape: Shape) -> Shape:
        """The smallest part's channels, height and width, each for itself."""
        return tuple(map(min, zip(*(self.of(party).shape(shape) for party in range(self.parties)), strict=True)))


def _cut(samples: Pixels, low: Shape, high: Shape) -> Pixels:
    """Of every sample the box from `low` to before `high`."""
    return samples[(slice(None), *map(slice, low, high))]
