"""What defenses share whose noise is stronger in some directions than in others."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.errors import KnobError
from ..core.lazy import torch
from ..core.tree import map_tree, norm
from ..core.types import Batch, Size, World
from ..risk import Banded, Directions, Jacobian
from ..risk.noise_covariance import LAWS
from ._base import Defense
from ._noise import Noise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Generator, Tensor

    from ..core.component import Value
    from ..core.types import Net, Release, Tree
    from ..risk import NoiseCovariance


@dataclasses.dataclass
class Kept:
    """The basis that a release found last: how many more messages it serves, and of how many inputs."""

    basis: Any = None
    left: int = 0
    inputs: int = 0

    def state(self) -> dict[str, Any]:
        """As plain tensors and numbers, for a checkpoint."""
        if self.basis is None:
            return {}
        directions = getattr(self.basis, "directions", self.basis)
        return {
            "values": directions.values,
            "right": directions.right,
            "shares": getattr(self.basis, "shares", None),
            "left": self.left,
            "inputs": self.inputs,
        }

    def restore(self, state: Mapping[str, Any], defense: Coloured) -> None:
        """What `state` gave; the Jacobian is named when the directions are moved to one."""
        if state:
            directions = Directions(None, state["values"], state["right"], stale=True)  # type: ignore[arg-type]
            self.basis, self.left, self.inputs = defense.basis_of(directions, state["shares"]), state["left"], state["inputs"]


@dataclasses.dataclass(frozen=True)
class Coloured(Defense):
    """Adds noise whose covariance is made for this net and this batch, afresh for every message.

    What the covariance is made of (`basis`) takes time and depends on no strength; `covariance` is cheap. Noise that follows the private
    picture gives no (epsilon, delta) promise, and as its mean is zero, messages of the same batch average it out (theory T8).

    Knobs that some have: `law` of the noise, `reuse`, for how many messages a basis serves, and `isotropic`, the share of the noise that has no shape.
    """

    coloured: ClassVar[bool] = True
    takes_directions: ClassVar[bool] = True  # of the whole spectrum, whose matrices grow with the square of the input values
    in_tangent_space: ClassVar[bool] = False  # its noise lies in the range of the Jacobian at the private batch (theory T11)
    slack: ClassVar[float] = 1.0  # noise (share of the std) that attackers, who know the shape at another picture, believe to be even
    adds_noise: ClassVar[bool] = True
    reads_batch: ClassVar[bool] = True
    guarantee: ClassVar[str] = "none: the noise depends on the private picture and leaves some directions of the message alone"

    @property
    def even(self) -> float:
        """The share of its noise that is isotropic: that of the knob `isotropic`, where it has one."""
        return getattr(self, "isotropic", 0.0)

    @property
    def shaped(self) -> bool:
        """Some of its noise has a shape, which follows the private picture."""
        return self.even < 1

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """The law of the independent numbers that its noise is made of, or some of them: that of the knob `law`, where it has one; isotropic noise is normal.

        It follows the shape where it has one, and the size in any case; `covariance` says how much there is.
        """
        law = "laplace" if getattr(self, "law", "normal") == "laplace" and self.shaped else "gaussian"
        return Noise(law, "shape" if self.shaped else "size", coloured=True, tangent=self.tangent_noise)

    @property
    def tangent_noise(self) -> bool:
        """Where its noise has a shape in the tangent space."""
        return self.in_tangent_space and self.shaped

    def even_of(self, covariance: NoiseCovariance, square: float) -> float:
        """Variance of the isotropic part of its noise in a message that came: as large a share of the message as at another picture.

        Args:
            covariance: its covariance at another picture.
            square: squared norm of the message with this noise and no other.
        """
        if not covariance.even:
            return 0.0
        size = Size.of(covariance.directions.jacobian.message)  # type: ignore[attr-defined]
        return covariance.even * square / (size.norm**2 + covariance.energy)

    def wrap(self, inner: Release, world: World) -> Release:
        """Noise after the inner release.

        A basis that serves again is kept by this very release and nowhere else: whoever wraps a release of his own, as attackers do, finds
        none.

        Raises:
            KnobError: knobs that do not go together.
        """
        self.refuse_problems()
        if self.off:
            return inner
        kept = Kept()

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            if rng is None:
                return message
            basis = self.serving(kept, inner, dataclasses.replace(world, net=net), batch)
            noise = self.covariance(basis).draw(rng, getattr(self, "law", "normal"))
            return map_tree(lambda leaf, extra: leaf + extra.to(leaf), message, noise)

        return release

    def refuse_problems(self) -> None:
        """Raise a KnobError where knobs do not go together."""
        if found := self.problems():
            raise KnobError(" ".join(found))

    def covariance(self, basis: Any) -> NoiseCovariance:
        """The covariance of its noise at its own strength."""
        raise NotImplementedError

    def basis(self, inner: Release, world: World, batch: Batch) -> Any:
        """All that its covariance is made of, whatever the strength, the part that takes time: singular directions of the noise-free release inside.

        Args:
            inner: the release before this defense.
            world: the net as the client received it, and public pictures.
            batch: the private one, or an attacker's guess of it.
        """
        return Directions.of(Jacobian.of(inner, world.net, batch))

    def basis_of(self, directions: Directions, shares: Tensor | None) -> Any:
        """The basis again from what it is made of."""
        return directions

    def messages(
        self, inner: Release, world: World, kept: Kept, net: Net, batches: Sequence[Batch], rngs: Sequence[Generator]
    ) -> Iterator[Tree]:
        """The messages of many clients with noise along directions that serve all of them: what `wrap` sends, in one go and so much quicker.

        Args:
            inner: a plain release that torch.func can map over.
            world: as in `wrap`.
            kept: the directions, from call to call.
            net: of all clients.
            batches: of one size, one a client.
            rngs: one a client.
        """
        images, labels = torch.stack([b.image for b in batches]), torch.stack([b.label for b in batches])
        basis = self.serving(kept, inner, dataclasses.replace(world, net=net), batches[0], fresh=False)
        kept.left = max(0, kept.left - len(batches) + 1)  # it serves the whole round

        def release(image: Tensor, label: Tensor) -> Tree:
            return inner(net, Batch.of(image, label), None)

        return self.noisy_messages(release, images, labels, basis, rngs, net)

    def noisy_messages(
        self, release: Callable[[Tensor, Tensor], Tree], images: Tensor, labels: Tensor, basis: Any, rngs: Sequence[Generator], net: Net
    ) -> Iterator[Tree]:
        """Messages, then one Jacobian-vector product for each, all mapped over the clients."""
        sent = torch.func.vmap(release)(images, labels)
        covariances: list[Any] = []  # all are Banded: only those serve many clients at once
        for k in range(len(rngs)):
            message = {name: leaf[k].detach() for name, leaf in sent.items()}
            here = Jacobian(lambda n, b, _: release(b.image, b.label), net, Batch.of(images[k], labels[k]), message)
            covariances.append(self.covariance(basis.move(here)))
        law = getattr(self, "law", "normal")
        steps = torch.stack([covariance.steps(rng, law) for covariance, rng in zip(covariances, rngs, strict=True)], 1)
        moves = (covariances[0].directions.right @ steps).T.to(images).view_as(images)
        push = lambda x, y, v: torch.func.jvp(lambda image: release(image, y), (x,), (v,))[1]  # noqa: E731
        noise = torch.func.vmap(push)(images, labels, moves)
        for k, covariance in enumerate(covariances):  # as `Banded.draw` does with directions of another Jacobian
            drawn = {name: leaf[k] for name, leaf in noise.items()}
            scale = covariance.length(steps[:, k]) / norm(drawn).clamp(min=1e-30)
            drawn = covariance.evened(map_tree(lambda leaf, scale=scale: scale * leaf, drawn), rngs[k])
            yield {name: sent[name][k] + drawn[name] for name in sent}

    def serving(self, kept: Kept, inner: Release, world: World, batch: Batch, fresh: bool = True) -> Any:
        """A new basis, or the one found last, moved to the present net and batch (fresh=False: not moved)."""
        count = batch.private.numel()
        if kept.left > 0 and kept.inputs == count:
            kept.left -= 1
            return kept.basis.move(Jacobian.of(inner, world.net, batch)) if fresh else kept.basis
        found = self.basis(inner, world, batch)
        if (reuse := getattr(self, "reuse", 1)) > 1:
            kept.basis, kept.left, kept.inputs = found, reuse - 1, count
        return found


@dataclasses.dataclass(frozen=True)
class InBand(Coloured):
    """Noise on a band of singular directions, in the middle of the spectrum."""

    strength: ClassVar[str] = "scale"
    identity: ClassVar[Value] = 0.0
    in_tangent_space: ClassVar[bool] = True

    scale: float = knob(1.0, "size of the noise", low=0.0, high=1e6, log=True)
    low: float = knob(0.60, "the band starts where the singular values up to there make this share of their sum", low=0.0, high=1.0)
    high: float = knob(0.95, "the band ends before they make this share of it; must be above low", low=0.0, high=1.0)
    law: str = knob("laplace", "law of the noise; its variance is the same for all of them", choices=LAWS)

    def confined(self, directions: Directions, variances: Tensor) -> NoiseCovariance:
        """Noise of these variances, one for each direction, in the band; none outside it. Of their sum, the share `isotropic` goes to all entries instead."""
        band, inside = directions.band(self.low, self.high), torch.zeros_like(variances)
        inside[band] = variances[band]
        whole = Banded(directions, inside)
        if not self.even:
            return whole
        return Banded(directions, (1 - self.even) * inside, self.even * whole.energy / directions.jacobian.shape[0])

    def problems(self) -> list[str]:
        """The band must start before it ends."""
        if self.low < self.high:
            return []
        return [f"{self.name}: low={self.low:g} and high={self.high:g} leave no band; allowed: low < high. Lower low or raise high."]
