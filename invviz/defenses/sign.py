"""Sign: of every entry only the sign is sent, and one size for all of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.tree import flatten, map_tree
from . import _numpy
from ._base import Defense, Suggested
from ._noise import Noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Size, Tree, World


@dataclasses.dataclass(frozen=True)
class Sign(Defense):
    """Sends sign(m_i) times the mean magnitude of all entries, one bit an entry and one number.

    Signs alone are [P]; the mean magnitude as their common size is that of error-feedback work (key `karimireddy2019error`), without its feedback. An entry that
    is exactly zero stays zero; a coder of strictly one bit would have to give it a sign.

    To first order only the common size moves with the picture: the Jacobian is (1/p) s s^T J for signs s, a single direction (Source: [D]). The signs
    themselves tell an attack a lot: each halves what its entry can be (`interval`). A mixing below 1 is no defense against one who knows it: m' gives back the
    signs, the common size (from its own mean magnitude), and so the message.
    """

    name: ClassVar[str] = "sign"
    title: ClassVar[str] = "Sign"
    paper: ClassVar[str] = "bernstein2018signsgd"
    strength: ClassVar[str] = "mixing"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "{p} of the way to signs"
    off_words: ClassVar[str] = ""
    suggested: ClassVar[Suggested] = Suggested(levels=(0.25, 0.5, 1.0))
    on_update: ClassVar[Callable[..., Any] | None] = staticmethod(_numpy.sign)

    mixing: float = knob(
        1.0, "share of the way from the message (0) to its signs times their common size (1, nothing else is sent)", low=0.0, high=1.0
    )

    @property
    def jumps(self) -> str:
        """Signs."""
        return "" if self.off else "signs"

    def wrap(self, inner: Release, world: World) -> Release:
        """Take signs after the inner release."""
        if self.mixing == 0:
            return inner

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            message = inner(net, batch, rng)
            size = flatten(message).abs().mean()
            return map_tree(lambda leaf: (1 - self.mixing) * leaf + self.mixing * size * leaf.detach().sign(), message)

        return release

    def noise(self, size: Size, batch: int = 1) -> Noise:
        """A projection keeps what it keeps whole; short of it, all but one direction shrink by 1 - mixing."""
        return Noise(passes=1.0 if self.mixing == 1 else 1 - self.mixing)

    def interval(self, message: Tree) -> tuple[Tree, Tree] | None:
        """Above zero, below zero, or zero itself; None for a mixture."""
        if self.mixing < 1:
            return None
        low = map_tree(lambda leaf: torch.zeros_like(leaf).masked_fill(leaf < 0, -torch.inf), message)
        high = map_tree(lambda leaf: torch.zeros_like(leaf).masked_fill(leaf > 0, torch.inf), message)
        return low, high

    def traffic(self, entries: float, bits: float, places: float = 0.0) -> tuple[float, float, float]:
        """One bit an entry; a mixture saves nothing."""
        return (entries, 1.0, places) if self.mixing == 1 else (entries, bits, places)

    def caveat(self) -> str:
        """The score is of first order, and signs are not."""
        if self.mixing == 0:
            return ""
        if self.mixing < 1:
            return (
                "A mixture of message and signs can be undone by an attacker who knows the share, so the risk is that of the bare message."
            )
        return (
            "Signs do not move with small changes of the picture, so the first-order risk score sees one number of the whole message. An attack that uses "
            "the signs learns far more: the risk is higher than shown."
        )
