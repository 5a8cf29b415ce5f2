"""Federated training: clients that send through their defense, a server that steps by the mean of what comes."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from ...core.component import knob
from ._base import Training

SPLITS = ("iid", "dirichlet")
OPTIMISERS = ("adam", "sgd")
SCHEDULES = ("cosine", "constant")


@dataclasses.dataclass(frozen=True)
class Federated(Training):
    """In every round some clients send a message of one batch each; the server's optimiser takes their mean as its gradient.

    With one local step that is FedSGD, with several FedAvg in the form of FedOpt (Source: [P] key reddi2021fedopt, algorithm 1):
    FedAvg as first published is `optimiser='sgd', lr=1, momentum=0, schedule='constant'`. Batch size and local steps are those of the scenario, so that
    defenses act in training exactly as they do in the attack. Clients hold shards of the data set's public part; the accuracy is that on
    its private part, which nobody trains on.
    """

    name: ClassVar[str] = "federated"
    title: ClassVar[str] = "Federated training"
    paper: ClassVar[str] = "reddi2021fedopt"

    clients: int = knob(10, "clients that hold a shard of the training pictures each", low=2, high=100, unit="clients")
    sampled: int = knob(0, "clients that are drawn for a round; 0: all of them", low=0, high=100, unit="clients")
    split: str = knob(
        "iid", "how pictures are dealt to clients: alike (iid), or by classes as a Dirichlet law draws them (dirichlet)", choices=SPLITS
    )
    alpha: float = knob(
        0.5,
        "concentration of the Dirichlet split: 0.1 gives most clients one or two classes, 100 is nearly iid",
        low=0.01,
        high=1e4,
        log=True,
    )
    rounds: int = knob(300, "rounds of training", low=1, high=100_000, unit="rounds")
    optimiser: str = knob("adam", "the server's optimiser", choices=OPTIMISERS)
    lr: float = knob(0.003, "the server's learning rate, on the clients' mean message", low=1e-6, high=100.0, log=True)
    momentum: float = knob(0.0, "momentum of optimiser='sgd'; not used by adam", low=0.0, high=0.999)
    schedule: str = knob("cosine", "the learning rate over the rounds: falls to 0 along a cosine, or stays", choices=SCHEDULES)
    every: int = knob(0, "rounds between two evaluations; 0: 25 evaluations in all", low=0, high=100_000, unit="rounds")
    patience: int = knob(
        0, "evaluations without a better accuracy after which training stops early; 0: never", low=0, high=1000, unit="evaluations"
    )
    samples: int = knob(0, "training pictures that are used, drawn once for all seeds; 0: all", low=0, high=1_000_000, unit="samples")

    @property
    def present(self) -> int:
        """Clients in every round."""
        return self.sampled or self.clients

    def problems(self) -> list[str]:
        """A round cannot have more clients than there are."""
        if self.sampled <= self.clients:
            return []
        return [f"federated draws {self.sampled} clients for a round of {self.clients} that there are. Lower sampled or raise clients."]

    def evaluates(self, done: int) -> bool:
        """Whether the accuracy is measured after so many rounds."""
        every = self.every or max(1, self.rounds // 25)
        return done == self.rounds or (self.rounds - done) % every == 0

    def rate(self, done: int) -> float:
        """The learning rate of the round that follows `done` rounds."""
        if self.schedule == "constant":
            return self.lr
        return self.lr * 0.5 * (1 + math.cos(math.pi * done / self.rounds))
