"""A search for a batch as a least squares problem: what came, what a batch would give, and how the one moves with the other."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Protocol

from ..core.lazy import torch
from ..core.tangents import bytes_written, tangents_that_fit
from ..core.tree import flatten, numel
from ._base import Unreadable
from ._priors import roots
from ._space import Space

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from ..core.types import Observation, Tree


@dataclasses.dataclass(frozen=True, eq=False)
class Fit:
    """The loss |target - map(z)|^2 of a batch at coordinates z, shape (n,): its frequencies, scaled as in `_space`, the lowest first.

    Attributes:
        obs: what the attacker sees; its precision is that of the map.
        label: of the batch.
        rows: a message as a vector, with each entry scaled to its noise, if that is known.
        target: the message that came, likewise, and zeros for the prior.
        prior: weight of `_priors.smoothness`; 0 where no noise is known.
        truth: about what the true batch's loss would be; 0 where nothing disturbs the message.
    """

    obs: Observation
    label: Tensor
    rows: Callable[[Tree], Tensor]
    target: Tensor
    prior: float
    truth: float
    space: Space
    order: Tensor
    place: Tensor
    radius: Tensor

    @classmethod
    def of(cls, obs: Observation, label: Tensor) -> Fit:
        """The problem that an observation poses, in its own precision.

        Raises:
            Unreadable: the message gives no equations.
        """
        like = obs.template.private
        rows, target, prior, truth = rows_of(obs)
        height, width = like.shape[-2:]
        radius = (torch.arange(height)[:, None] ** 2 + torch.arange(width)[None] ** 2).double().sqrt()
        radius, order = radius.expand(like.shape).flatten().sort(stable=True)
        if prior:
            target = torch.cat([target, target.new_zeros(2 * like.numel())])
        order = order.to(like.device)
        return cls(obs, label, rows, target, prior, truth, Space.of("frequencies", like, obs.bounds), order, order.argsort(), radius)

    @property
    def size(self) -> int:
        """How many unknowns there are."""
        return len(self.order)

    def picture(self, z: Tensor) -> Tensor:
        """The pictures at z, which need not lie inside the bounds."""
        return self.space.picture(z[self.place].view(self.space.shape))

    def coordinates(self, image: Tensor) -> Tensor:
        """Where these pictures lie: `picture` undone."""
        return self.space.coordinates(image).flatten()[self.order]

    def map(self, z: Tensor) -> Tensor:
        """What the batch at z would have sent, scaled, and what the prior holds against it; differentiable by torch.func."""
        image = self.picture(z)
        sent = self.rows(self.obs.simulate(self.obs.template.at(image, self.label)))
        return torch.cat([sent, self.prior**0.5 * roots(image, self.space.middle)]) if self.prior else sent

    def levels(self, least: int = 4) -> list[int]:
        """How many unknowns are searched one stage after the other: frequencies below 4, 8, 16, ... half waves a side, then all."""
        found, edge = [], float(least)
        while edge < min(self.space.shape[2:] or self.space.shape[-2:]):  # of series their length alone
            found.append(int((self.radius < edge).sum()))
            edge *= 2
        return [*found, self.size]

    @functools.cached_property
    def at_once(self) -> int:
        """Tangents that go through the map together."""
        return tangents_that_fit(bytes_written(self.map, self.target.new_zeros(self.size)))

    def gram(self, z: Tensor, count: int, ask: Callable[[], None] = lambda: None) -> Tensor:
        """J^T J of the first `count` unknowns, float64, (count, count); J is never stored: each column is a forward and a backward product.

        `ask` is called between columns, as all of them may take minutes; what it raises ends the work.
        """
        back = torch.func.vjp(self.map, z)[1]
        push = torch.func.vmap(lambda v: torch.func.jvp(self.map, (z,), (v,))[1])
        pull = torch.func.vmap(lambda u: back(u)[0])
        found = torch.empty(count, count, dtype=torch.float64, device=z.device)
        for start in range(0, count, self.at_once):
            stop = min(start + self.at_once, count)
            units = z.new_zeros(stop - start, self.size)
            units.diagonal(start).fill_(1.0)
            found[start:stop] = pull(push(units).detach()).detach()[:, :count]
            ask()
        return (found + found.T) / 2


class Mapped(Protocol):
    """What can be made linear: a map of coordinates, and where it should lead."""

    @property
    def target(self) -> Tensor:
        """What came, (p,)."""
        ...

    def map(self, z: Tensor) -> Tensor:
        """What would come at z, (p,); differentiable by torch.func."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Slope:
    """The map made linear at one point: what it leaves of the target, (p,), and products with J and its transpose."""

    rest: Tensor
    back: Callable[[Tensor], Tensor]
    forth: Callable[[Tensor], Tensor]

    @classmethod
    def of(cls, fit: Mapped, z: Tensor) -> Slope:
        """The slope at z."""
        value, back = torch.func.vjp(fit.map, z)[:2]
        forth = torch.func.vjp(lambda u: back(u)[0], torch.zeros_like(value))[1]  # J^T u is linear in u; a third of jvp's price (measured)
        return cls(fit.target - value.detach(), lambda u: back(u)[0].detach(), lambda v: forth(v)[0].detach())

    def normal(self, v: Tensor, size: int) -> Tensor:
        """J^T J v in the first unknowns of `size`, as many as v has."""
        return self.back(self.forth(torch.nn.functional.pad(v, (0, size - len(v)))))[: len(v)]


def rows_of(obs: Observation) -> tuple[Callable[[Tree], Tensor], Tensor, float, float]:
    """How a message becomes rows of least squares; the message that came; the weight of the prior; about what the truth would come to."""
    count, inputs = numel(obs.message), obs.template.private.numel()
    kept = flatten(obs.seen) if obs.seen else torch.ones_like(flatten(obs.message))
    if obs.interval is not None:
        low, high = (flatten(end).to(kept) for end in obs.interval)
        ends = torch.isfinite(high - low) & (kept > 0)
        if not (ends & (high > low)).any():
            raise Unreadable("No entry of the message lies between two known ends, so there is nothing to fit by least squares: use dlg")
        sigma = (high - low)[ends] / 12**0.5  # of a uniform law over the interval
        middle = torch.where(ends, (low + high) / 2, 0.0)
        scale = torch.zeros_like(kept)
        scale[ends] = 1 / (sigma.clamp(min=max(1e-3 * float(sigma.max()), 1e-30)) * count**0.5)
        return lambda message: flatten(message) * scale, middle * scale, 1 / count, 1 + inputs / count
    white = obs.whiten or (lambda message: message)
    target = flatten(white(obs.message)) * kept
    size = float(target.norm())
    if not 0 < size < math.inf:
        raise Unreadable("The message is all zeros" if size == 0 else "The message holds numbers that are not finite")
    prior = (obs.noise / size) ** 2
    return lambda message: flatten(white(message)) * (kept / size), target / size, prior, prior * (count + inputs)
