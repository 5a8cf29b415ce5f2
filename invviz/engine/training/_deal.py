"""Which pictures the simulated clients hold, and which of them a round takes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import InvvizError
from ...core.rng import derive
from ...protocols.training import Federated, shards
from ._budget import draw_clients

if TYPE_CHECKING:
    from ...datasets import Samples
    from ...scenario import Scenario


@dataclasses.dataclass(frozen=True, eq=False)
class Deal:
    """The training pictures, dealt to clients.

    Attributes:
        labels: of every public picture, -1 where it is not used.
        hands: places in the public part that each client holds.
        seed: of the draws.
        batch: pictures that a client takes for a round.
        present: clients in a round.
    """

    labels: np.ndarray
    hands: tuple[np.ndarray, ...]
    seed: int
    batch: int
    present: int

    @classmethod
    def of(cls, scenario: Scenario, samples: Samples) -> Deal:
        """As the scenario's training says.

        Raises:
            InvvizError: fewer pictures than clients.
        """
        how = scenario.train
        assert isinstance(how, Federated)
        count = len(samples.public)
        some = np.random.default_rng(derive(0, "samples that are used")).permutation(count)[
            : how.samples or count
        ]  # evenly spaced ones may skip classes
        used = np.sort(some)
        if len(used) < how.clients:
            there = f"{scenario.data.name} has {len(used):,} training pictures here for {how.clients} clients"
            raise InvvizError(f"{there}. Lower clients, or raise samples.")
        labels = np.full(count, -1)
        for k in range(0, len(used), 1000):  # the pictures come with their labels, and not all fit in memory
            labels[used[k : k + 1000]] = samples.public.take(used[k : k + 1000].tolist())[1]
        rng = np.random.default_rng(derive(scenario.seed, "deal"))
        dealt = shards(labels[used], how.clients, None if how.split == "iid" else how.alpha, rng)
        return cls(labels, tuple(used[part] for part in dealt), scenario.seed, scenario.batch, how.present)

    def counts(self, classes: int) -> np.ndarray:
        """How many pictures of each class each client holds, shape (clients, classes)."""
        return np.stack([np.bincount(self.labels[hand], minlength=classes) for hand in self.hands])

    def drawn(self, done: int) -> tuple[list[int], np.ndarray]:
        """The clients of the round after `done` rounds, and the places of their pictures, `batch` each; it hangs on the seed alone."""
        chosen, rng = draw_clients(self.seed, done, len(self.hands), self.present)
        taken = [rng.choice(self.hands[k], self.batch, replace=len(self.hands[k]) < self.batch) for k in chosen]
        return chosen.tolist(), np.concatenate(taken)


def split_counts(scenario: Scenario, samples: Samples) -> np.ndarray:
    """How many training pictures of each class each client holds, shape (clients, classes)."""
    return Deal.of(scenario, samples).counts(scenario.data.num_classes)
