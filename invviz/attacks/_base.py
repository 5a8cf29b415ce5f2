"""What every attack is: an inverse of one observed message."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import Component, knob
from ..core.errors import InvvizError
from ..core.types import Knowledge, Reconstruction

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Generator as Talk

    from torch import Generator, Tensor

    from ..core.types import Observation, Progress, Tree

    Conversation = Talk["ServerGradient | None", "Tree | None", Callable[[Observation], Reconstruction]]


class Unreadable(InvvizError):
    """A net or a message that an attack cannot work on; says why."""


def nothing_read(obs: Observation, why: object, stopped: bool = False) -> Reconstruction:
    """The answer of an attack that could not read anything: the middle of the bounds, or no words, with the reason."""
    return Reconstruction(obs.template.at(obs.grey), float("inf"), note=str(why), failed=True, stopped=stopped)


@dataclasses.dataclass(frozen=True)
class Attack(Component):
    """An attack. It is given an `Observation` and nothing else."""

    max_batch: ClassVar[int | None] = None  # most samples that it can tell apart; None: no limit of its own
    exact: ClassVar[str] = ""  # when it recovers the batch exactly, in words; empty: never guaranteed
    needs_first_linear: ClassVar[bool] = False
    needs_positions: ClassVar[bool] = False  # reads the gradient of position embeddings before a first attention (vision transformers)
    needs_first_relu: ClassVar[bool] = False  # counts on the zeros that ReLU makes behind the first layer
    fewer_than_classes: ClassVar[bool] = False  # tells apart fewer samples than there are classes
    needs_classes: ClassVar[bool] = False  # counts on what the cross-entropy of class scores does to a gradient
    needs_gradient: ClassVar[bool] = False  # works on a gradient only, not on the update of several local steps

    decodes: ClassVar[bool] = False  # a trained decoder: aims at pictures, and nothing makes its answer match the message
    needs_tangent_noise: ClassVar[bool] = False  # solves for noise along the Jacobian's directions, which it knows to be there
    needs_embedding: ClassVar[bool] = False  # works on embeddings (vertical FL) only
    needs_training_mode: ClassVar[bool] = False  # matches the batch statistics of batch norm, which only training mode has
    knows_classes: ClassVar[bool] = (
        False  # may answer with the mean public picture of a label, which is no leak: its answers are set against that
    )
    one_round: ClassVar[bool] = False  # reads the message of one round; not several of the same batch side by side
    solves: ClassVar[bool] = (
        False  # solves equations other than that its answer gives the whole message, so it may be right where that does not match
    )
    prior_behind_masks: ClassVar[bool] = False  # who knows what was held back looks for the most likely picture that gives the rest
    reads: ClassVar[str] = ""  # kind of planted net that it reads (`core.planted`); empty: any net
    malicious: ClassVar[bool] = False  # by a server that answers training rounds as it likes (`MaliciousAttack`)

    def wants(self) -> Knowledge:
        """What it asks to be told beside message and net."""
        return Knowledge()

    def problems(self, entries: int, inputs: int, batch: int) -> list[str]:
        """Why an embedding cannot be inverted on this machine, one sentence each; of those that need embeddings.

        Args:
            entries: numbers in all that is sent of one sample, over all rounds.
            inputs: numbers in one sample.
            batch: samples.
        """
        return []

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """The attacker's best guess.

        Args:
            obs: all that the attacker sees.
            rng: the attacker's own random numbers.
            progress: called once a step; answering False asks it to stop and hand over its best so far.
        """
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class MaliciousAttack(Attack):
    """An attack by a server that answers the training rounds of a party as it likes."""

    malicious: ClassVar[bool] = True
    one_round: ClassVar[bool] = True

    party_batch: int = knob(64, "private pictures in a training batch of the party", low=1, high=1024, unit="pictures")
    party_lr: float = knob(
        1e-3, "learning rate of the party's own optimiser (Adam), which the server does not choose", low=1e-6, high=1.0, log=True
    )

    def converse(self, obs: Observation, rng: Generator) -> Conversation:
        """The server's part in the training rounds: a generator, which is handed embeddings and never meets the party.

        It first yields None. Embeddings that it is sent (of a batch of the party's training pictures, as they arrive) it answers by a `ServerGradient`. Sent None, it ends and
        returns what reads the victim's message, which comes after that.

        Args:
            obs: what the server has before the first round: an empty message.
            rng: the attacker's own random numbers.
        """
        raise NotImplementedError

    def reconstruct(self, obs: Observation, rng: Generator, progress: Progress) -> Reconstruction:
        """What a server reads that has answered nothing yet: next to nothing, and it says so. `run` holds the conversation first."""
        talk = self.converse(obs, rng)
        next(talk)
        try:
            talk.send(None)
        except StopIteration as end:
            return end.value(obs)
        raise RuntimeError("the conversation goes on after its end")


@dataclasses.dataclass(frozen=True, eq=False)
class ServerGradient:
    """What a malicious server answers to a batch of embeddings, and what it would make of a message by now."""

    gradient: Tree  # with respect to the embeddings, as if it were that of the training loss
    number: int
    total: int  # answers that it wants to give
    loss: float
    decode: Callable[[Tree], Tensor]  # embeddings to pictures (n, c, h, w)
