"""ATS: the client trains on changed pictures, by a fixed policy that was searched for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ._augment import COUNT, LISTED, augment
from ._base import Defense, Needs, Suggested

if TYPE_CHECKING:
    from torch import Generator

    from ..core.component import Value
    from ..core.types import Batch, Net, Release, Tree, World


@dataclasses.dataclass(frozen=True)
class ATS(Defense):
    """Changes every picture by up to three fixed operations, then releases what the changed pictures give [P].

    The operations are invviz's own (`_augment.OPERATIONS`), 12 in two sizes each: 1 and 2 are the weak and the strong form of the first, and so on; 0 is none.
    `_policy_search.search` scores policies for a net and public pictures. The default (blur, contrast, rotate by 45 degrees) is the best of 400 for LeNet on
    photos and CIFAR-10 together [measured]: S_pri 0.72 and 0.91 (0.86 and 0.95 without changes; low is private), S_acc -810 and -134 (-1424 and -242).

    An attacker who does not know the policy finds the changed picture; one who does simulates it. What is cut away, shifted out or clipped is gone for both.
    """

    name: ClassVar[str] = "ats"
    title: ClassVar[str] = "ATS (searched augmentation)"
    paper: ClassVar[str] = "gao2021ats"
    modalities: ClassVar[tuple[str, ...]] = ("picture",)
    needs: ClassVar[Needs] = Needs(gradient=True)
    strength: ClassVar[str] = "size"
    identity: ClassVar[Value] = 0.0
    level_words: ClassVar[str] = "{p} of the searched size of each change"
    off_words: ClassVar[str] = "off"
    suggested: ClassVar[Suggested] = Suggested(compared=((130, 1.0),), levels=(0.25, 0.5, 1.0))

    size: float = knob(
        1.0, "what the size of every operation is multiplied with: 1 as searched for, 0 leaves the pictures as they are", low=0.0, high=1.0
    )
    first: int = knob(21, f"number of the first operation (weak/strong): {LISTED}; 0: none", low=0, high=COUNT)
    second: int = knob(14, f"number of the second operation, 1 to {COUNT}; 0: none", low=0, high=COUNT)
    third: int = knob(6, f"number of the third operation, 1 to {COUNT}; 0: none", low=0, high=COUNT)

    @property
    def policy(self) -> tuple[int, ...]:
        """The three numbers."""
        return (self.first, self.second, self.third)

    @property
    def needs_more(self) -> str:
        """Pictures are changed before there is an update."""
        return "changes the pictures before the client trains"

    def wrap(self, inner: Release, world: World) -> Release:
        """The inner release of the changed pictures."""
        if self.size == 0 or not any(self.policy):
            return inner

        def release(net: Net, batch: Batch, rng: Generator | None) -> Tree:
            changed = augment(batch.private, self.policy, self.size)
            return inner(net, batch.at(changed), rng)

        return release
