"""What servers share that plant weights: copies of the honest net, a layer in front of it, noise to hide behind, thresholds between bins."""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING

from ..core.component import knob
from ..core.lazy import torch
from ..core.planted import GOLDEN
from ..core.tree import randn_like
from ..core.types import Net
from ._base import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator, Tensor, nn

    from ..core.types import World


SAME = 1e-5  # of the range of what is measured: public values nearer than that count as one


@dataclasses.dataclass(frozen=True)
class Planter(Server):
    """A server that plants weights. `plant` is `planted` and jitter on top."""

    jitter: float = knob(
        0.0,
        "noise on every weight that the server made, relative to the root mean square of its tensor, to hide behind; 0 is as published",
        low=0.0,
        high=10.0,
    )

    def planted(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """As `Server.plant`, without noise."""
        raise NotImplementedError

    def plant(self, net: Net, world: World, clients: int, rng: Generator) -> Sequence[Net]:
        """The nets with noise on all tensors that are none of the honest net's; the same draw in what several clients are sent alike."""
        nets = self.planted(net, world, clients, rng)
        if not self.jitter:
            return nets
        start, made = rng.get_state(), []
        for one in nets:
            rng.set_state(start)
            made.append(one if one is net else jittered(one, net, self.jitter, rng))
        return made


def jittered(planted: Net, honest: Net, size: float, rng: Generator) -> Net:
    """A planted net with Gaussian noise on its tensors, but for those that are the honest net's.

    Args:
        planted: any net.
        honest: whose tensors stay as they are, under whatever name.
        size: of the noise, times the root mean square of each tensor; of one that is all zeros, times that of the honest net's of its name.
        rng: draws it.
    """
    own = list(honest.params.values())
    known = lambda p: any(p.shape == other.shape and torch.equal(p, other) for other in own)  # noqa: E731
    module = copy.deepcopy(planted.module)
    with torch.no_grad():
        for name, p in module.named_parameters():
            if not known(p):
                like = p if p.any() else honest.params.get(name, p)
                p.add_(size * like.square().mean().sqrt() * randn_like(p, rng))
    return Net.of(module, planted.task, planted.plan)


def copied(net: Net) -> nn.Module:
    """A module of the server's own with the honest net's weights."""
    module = copy.deepcopy(net.module)
    named = dict(module.named_parameters())
    with torch.no_grad():
        for name, p in net.params.items():
            named[name].copy_(p)
    return module


def in_front(layer: nn.Module, net: Net) -> nn.Module:
    """A module that hands the sample through a layer, then through a copy of the net, whose stages stay what they are."""
    rest = copied(net)
    parts = list(rest.children()) if type(rest) is torch.nn.Sequential else [rest]
    return torch.nn.Sequential(layer, *parts).to(next(iter(net.params.values())))


def thresholds(measured: Tensor, bins: int) -> Tensor:
    """Where each bin begins, ascending in float64, with the end of the last: as equal numbers of public samples in each as ties allow, the outer two as wide as anything could need.

    Every threshold lies between two values that differ, and at the golden section there: pictures of whole grey values measure to multiples of one step, and on none of those
    lies a threshold. Where few values differ there are fewer bins.

    Args:
        measured: of public samples, (n,).
        bins: at most so many.
    """
    values = measured.double().sort().values
    low, high = values[0], values[-1]
    wide = (high - low).clamp(min=1e-6)
    apart = values.diff() > SAME * wide
    between = (values[:-1] + GOLDEN * values.diff())[apart]
    places = torch.linspace(0, len(values), bins + 1, dtype=torch.float64).round().long()[1:-1].clamp(1, len(values) - 1)
    wanted = values[places - 1] + GOLDEN * (values[places] - values[places - 1])
    if not len(between):
        return torch.stack([low - wide, high + wide])
    after = torch.searchsorted(between, wanted).clamp(max=len(between) - 1)
    before = (after - 1).clamp(min=0)
    nearest = torch.where((wanted - between[before]).abs() < (between[after] - wanted).abs(), before, after)
    return torch.cat([(low - wide)[None], between[nearest.unique()], (high + wide)[None]])
