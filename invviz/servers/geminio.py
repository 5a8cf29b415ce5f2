"""Geminio: a net whose loss is nearly all on the samples that match a query, learned on public samples."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.planted import Single
from ..core.types import Net
from ._head import singling_problems
from ._planter import Planter, copied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor, nn

    from ..core.types import World

BATCH = 64  # public samples in a step


@dataclasses.dataclass(frozen=True)
class Geminio(Planter):
    """Trains the fully connected layers on public samples so that those which match a query have nearly all of a batch's loss, hence of its gradient.

    Each step minimises the sum over a batch of l_i / sum(l) (1 - q_i), l_i the losses and q_i in [0, 1] how well a sample matches. [P] (key shan2025geminio, where q comes from CLIP and a
    sentence). Ours: q is the class of a sample or its brightness, so that nothing has to be downloaded; CLIP's other queries are not simulated. Nothing is exact
    here: what is read is a search on a gradient that is mostly one sample's.
    """

    name: ClassVar[str] = "geminio"
    title: ClassVar[str] = "Geminio (learned query)"
    paper: ClassVar[str] = "shan2025geminio"
    attack: ClassVar[str] = "singled_out"
    plan: ClassVar[str] = "single"
    uses_public: ClassVar[bool] = True
    modalities: ClassVar[tuple[str, ...]] = ("picture", "row")

    query: str = knob("class", "what is looked for: a class, or the brightest samples", choices=("class", "brightness"))
    target: int = knob(0, "number of the class; by brightness the one that the answer is taken for", low=0, high=999)
    epochs: int = knob(30, "passes over the public samples", low=1, high=1000, unit="epochs")
    lr: float = knob(1e-3, "Adam's learning rate", low=1e-6, high=1.0, log=True)

    def problems(self, shape: tuple[int, ...], num_classes: int, batch: int, clients: int) -> list[str]:
        """A class that there is none of, a batch of one."""
        return singling_problems(self.name, "asks for", self.target, num_classes, batch * clients)

    def planted(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The same net for everybody."""
        module, labels = copied(net), world.labels
        matches = self._matches(world)
        head = [p for m in module.modules() if isinstance(m, torch.nn.Linear) for p in m.parameters()]
        module.requires_grad_(False)
        for p in head:
            p.requires_grad_(True)
        optimiser = torch.optim.Adam(head, self.lr)
        for _ in range(self.epochs if labels is not None else 0):
            for places in torch.randperm(len(matches), generator=rng).to(matches.device).split(BATCH):
                share = shares(module, world.public[places], labels[places])  # type: ignore[index]
                optimiser.zero_grad()
                (share * (1 - matches[places])).sum().backward()
                optimiser.step()
        with torch.no_grad():
            top = self._top(module, world, matches)
        plan = Single(tuple(net.params), self.target, share=top)
        return (Net.of(module, net.task, plan=plan),) * clients

    def _matches(self, world: World) -> Tensor:
        """How well each public sample matches, (k,) in [0, 1]."""
        if self.query == "class":
            return (world.labels == self.target).to(world.public) if world.labels is not None else world.public.new_zeros(len(world.public))
        bright = world.public.flatten(1).mean(1)
        return (bright.argsort().argsort().to(bright) / max(1, len(bright) - 1)) ** 16  # of 64 samples about four above a half

    def _top(self, module: nn.Module, world: World, matches: Tensor) -> float:
        """The largest share of the loss in a public batch that holds one sample which matches best among others that do not, mean over 20; NaN where there are too few."""
        size, labels = max(2, world.batch_size), world.labels
        good, bad = (matches > 0.5).nonzero().flatten(), (matches <= 0.5).nonzero().flatten()
        count = min(20, len(good), len(bad) // (size - 1))
        if labels is None or not count:
            return float("nan")
        found = []
        for k in range(count):
            places = torch.cat([good[k : k + 1], bad[k * (size - 1) : (k + 1) * (size - 1)]])
            found.append(float(shares(module, world.public[places], labels[places])[0]))
        return sum(found) / count


def shares(module: nn.Module, samples: Tensor, labels: Tensor) -> Tensor:
    """Of the batch's loss each sample's, (b,)."""
    losses = torch.nn.functional.cross_entropy(module(samples), labels, reduction="none")
    return losses / losses.sum().clamp(min=1e-12)
