"""PRECODE: chance inside the net, in a bottleneck before its last layer."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.errors import InvvizError
from ._base import Defense, Needs, Suggested
from ._bottleneck import MARK, code_in, widen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Generator

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class Precode(Defense):
    """Puts a variational bottleneck in front of the last fully connected layer: z = mu + scale softplus(s) eps, and the loss pays beta KL [P].

    Everybody trains this larger net, so the message has the bottleneck's gradients too. eps is drawn afresh for every gradient that the client takes, also for
    each of several local steps; without a generator it is zero. The gradients of the bottleneck and of the layer after it depend on eps directly, those before
    it only through one vector per sample that is sent back: an attacker who knows this leaves the former out (key scheliga2022bottlenecks [P]).

    A single sample's message shows its draw, and then nothing is hidden (`simulated`): DLG against LeNet on two photos of 16 x 16 gets 5.9 and 5.8 dB with eps
    taken as zero, 60 and 61 dB with eps read off; 58 and 55 dB without the defense [measured].
    """

    name: ClassVar[str] = "precode"
    title: ClassVar[str] = "PRECODE (variational bottleneck)"
    paper: ClassVar[str] = "scheliga2022precode"
    needs: ClassVar[Needs] = Needs(gradient=True)
    strength: ClassVar[str] = "scale"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "randomness {v} times what the net asks for"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(compared=((120, 1.0),), levels=(0.5, 1.0, 4.0))
    draws_inside: ClassVar[bool] = True
    alters_net: ClassVar[bool] = True

    scale: float = knob(
        1.0,
        "size of the random part, relative to the std that the net itself asks for (1: as published); 0: no bottleneck",
        low=0.0,
        high=100.0,
    )
    latent: int = knob(64, "units of the bottleneck (published: 256)", low=1, high=4096, unit="units")
    beta: float = knob(1e-3, "price of what passes the bottleneck: weight of its KL divergence (in bits) in the loss", low=0.0, high=100.0)
    bottleneck_seed: int = knob(0, "which random weights the bottleneck starts from", low=0, high=1_000_000)

    def wrap(self, inner: Release, world: World) -> Release:
        """The inner release of the larger net."""
        if self.scale == 0:
            return inner

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            return inner(widen(net, self.latent, self.bottleneck_seed, self.scale, self.beta, rng), batch, rng)

        return release

    def simulated(self, inner: Release, world: World, message: Tree) -> Release:
        """With one sample and one local step the draw is no secret: the decoder's gradient shows the code z, so a guess of the picture has its eps. Source: [D].

        Of several samples or steps no single code is shown; eps is then taken as zero.
        """
        z = code_in(message)
        if self.scale == 0 or z is None:
            return self.wrap(inner, world)

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            wide = widen(net, self.latent, self.bottleneck_seed, self.scale, self.beta, None)
            return inner(dataclasses.replace(wide, eps=wide.eps_for(batch, z.to(batch.private))), batch, rng)

        return release

    def caveat(self) -> str:
        """The score knows of no draw."""
        if self.scale == 0:
            return ""
        return (
            "The score is that of the bottleneck without its random part, whatever the scale: it shows what the bottleneck itself hides. An attacker who reads the draw "
            "off a single sample's message comes near it."
        )

    def distrusts(self, names: Sequence[str]) -> frozenset[str]:
        """The bottleneck, the layer that it stands before, and all that follows.

        Raises:
            InvvizError: nothing else is in the message.
        """
        inside = [name for name in names if MARK in name]
        if not inside:
            return frozenset()
        prefix = inside[0].split(MARK)[0]
        first = next(place for place, name in enumerate(names) if name.startswith(prefix))
        if first == 0:
            raise InvvizError(
                "the message has no gradients from before the bottleneck of precode: an attacker who leaves it out has nothing left."
            )
        return frozenset(names[first:])
