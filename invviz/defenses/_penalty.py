"""What defenses that act in training add to the loss; the message of a net, once it is trained, is sent as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.rng import derive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from ._base import Defense


class Penalty:
    """What one defense adds to the loss for one party's embeddings."""

    def __call__(self, part: Tensor, embedding: Tensor) -> Tensor:
        """A scalar through which gradients go back to the embeddings.

        Args:
            part: what the party holds of a batch, shape (n, c, h, w).
            embedding: what its bottom net makes of it, (n, ...), before any defense of the message.
        """
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """What later batches take over from earlier ones, for a checkpoint."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """What `state` gave."""


class Penalties:
    """The penalties of several defenses for several parties. False where there are none."""

    def __init__(self, defenses: Sequence[Defense], seed: int) -> None:
        """Those of defenses that act in training.

        Args:
            defenses: none but such, and none that is off: `Stack.in_training.live`.
            seed: of all that the penalties draw at random.
        """
        self._defenses = tuple(defenses)
        self._seed = seed
        self._made: dict[str, Penalty] = {}
        self._kept: dict[str, Any] = {}  # of a checkpoint; a penalty is made, and takes its state up, with the first embeddings

    def __bool__(self) -> bool:
        return bool(self._defenses)

    def __call__(self, parts: Sequence[Tensor], embeddings: Sequence[Tensor]) -> Tensor:
        """The sum over defenses and parties, a scalar.

        Args:
            parts: what each party holds of a batch.
            embeddings: what their bottom nets make of it, party by party.
        """
        total = embeddings[0].new_zeros(())
        for place, defense in enumerate(self._defenses):
            for party, (part, embedding) in enumerate(zip(parts, embeddings, strict=True)):
                name = f"{place}.{party}"
                if name not in self._made:
                    self._made[name] = defense.penalty(part, embedding, derive(self._seed, f"penalty {place} of party {party}"))
                    self._made[name].restore(self._kept.pop(name, {}))
                total = total + self._made[name](part, embedding)
        return total

    def state(self) -> dict[str, Any]:
        """What later batches take over from earlier ones, for a checkpoint."""
        return {**self._kept, **{name: penalty.state() for name, penalty in self._made.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """What `state` gave."""
        self._kept = dict(state)
        self._made = {}
