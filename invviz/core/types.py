"""The vocabulary: what a client releases, what an attacker may see, what it gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .batch import Batch, Net
from .lazy import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from .table import Column

    Tree = Mapping[str, Tensor]

Release = Callable[["Net", "Batch", "Generator | None"], "Tree"]
"""The map from a private batch to the message; `None` in place of a generator means its noise-free part."""


@dataclasses.dataclass(frozen=True)
class Knowledge:
    """What an attacker is told beside the message and the net (every result states it).

    Of an attack (`Attack.wants`) it is what that asks for; of an observation, what there is of it: a net without batch norm has no statistics to tell.
    """

    labels: bool = False
    batch_size: bool = True
    training: bool = False  # local steps and learning rate
    defense: bool = False
    bn_statistics: bool = False
    public_data: bool = False
    similar: bool = False  # the public data are of another data set of the same kind
    weights: bool = True  # of the net that makes the message; without them its architecture alone
    collected_messages: bool = False  # embeddings that the same party has sent of other private pictures
    malicious: bool = False  # the server answers the party's training rounds as it likes
    planted: bool = False  # the server made the net that the client was sent
    rounds: int = 1  # whose messages of the same batch it has, each with the net of its round
    clients: int = 1  # whose messages it has as their sum

    def of_defense(self, public: bool) -> Knowledge:
        """The same and the defense, with the public pictures if it needs some."""
        return dataclasses.replace(self, defense=True, public_data=self.public_data or public)

    def words(self) -> str:
        """The list in words, as shown under every result."""
        names = {
            "labels": "labels",
            "batch_size": "batch size",
            "training": "local training settings",
            "defense": "the defense and its parameters",
            "bn_statistics": "batch-norm statistics",
            "public_data": "public data of another data set" if self.similar else "public data",
            "collected_messages": "embeddings of other private pictures",
            "malicious": "what the party answers to a malicious server",
        }
        given = [word for field, word in names.items() if getattr(self, field)]
        message, net = ("message", "net") if self.rounds == 1 else (f"messages of {self.rounds} rounds", "their nets")
        if self.clients > 1:
            message = ("sum" if self.rounds == 1 else f"{self.rounds} rounds' sums") + f" of the messages of {self.clients} clients"
        net = "net of its own making" if self.planted else net
        return ", ".join([message, net if self.weights else "architecture", *given])

    def threat_model(self) -> str:
        """Letter of the passive threat model in the SoK's table (A eavesdropper ... E statistics; key carletti2025sok), or "malicious server"."""
        if self.malicious or self.planted:
            return "malicious server"
        for letter, has in (("E", self.bn_statistics), ("D", self.public_data), ("C", self.training), ("B", self.batch_size)):
            if has:
                return letter
        return "A"


@dataclasses.dataclass(frozen=True, eq=False)
class Rules:
    """What a defense cannot help telling of the message before it, whatever it draws: for an attacker who knows it.

    Attributes:
        release: the message before that defense.
        largest: entries that are not zero are the largest, of each "part" or of the "whole" message; empty where that is not so.
        equal: of the message before, numbers that are zero, (k,), none of them larger than about 1; None where there are none.
        passes: share of each part's norm that is the message itself, the rest being noise at right angles to it; read beside `equal` only.
        levels: every entry was rounded to one of its two neighbours among the multiples of this, up with the share of the step that it lies above the lower; 0 where not.
    """

    release: Release
    largest: str = ""
    equal: Callable[[Tree], Tensor] | None = None
    passes: float = 0.0
    levels: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Observation:
    """All that an attacker may see. Nothing of the victim can be reached from here (a contract test walks it).

    Of several rounds of the same batch, every tree holds all rounds side by side, with the round in front of each name (`core.tree.side_by_side`); so does what
    `simulate` gives. Several servers that each saw one round, and put together what they saw, see the same.
    """

    message: Tree
    net: Net  # of the first round; with weights of the attacker's own where it does not know the true ones
    release: Release  # the map that the attacker believes in; it simulates the noise-free part
    template: Batch  # shapes and dtypes; zeros, but for labels where they are known
    knowledge: Knowledge
    num_classes: int
    sent: Tree | None = None  # all that came, where the attacker matches a part of it only
    public: Tensor | None = None  # public pictures like the private ones, (n, c, h, w), where the attacker has some
    public_labels: Tensor | None = None  # theirs, (n,), where they are of the same data set
    rules: Rules | None = None  # what the last defense cannot help telling, where the attacker knows it
    collected_messages: Tree | None = (
        None  # messages that the same party has sent of other private pictures, (n, ...) each, where the attacker collects them
    )
    bounds: tuple[float, float] = (0.0, 1.0)
    columns: tuple[Column, ...] = ()  # of rows of a table: what everybody knows of them, their scales and words
    pace: float = 1.0  # local steps times their learning rate, where the client takes several and the attacker knows them: the message over the mean of their gradients
    seen: Tree | None = None  # which entries were sent at all (1 or 0), where the attacker knows that the others were held back
    noise: float = 0.0  # standard deviation of the noise on every entry, where the attacker knows it
    interval: tuple[Tree, Tree] | None = (
        None  # between which values each entry lay before it was rounded, where the attacker knows that; may be infinite
    )
    sigma_beneath: float | None = (
        None  # where noise lies along the Jacobian's own directions and the attacker knows it: the standard deviation of isotropic noise beneath
    )
    whiten: Callable[[Tree], Tree] | None = (
        None  # makes coloured noise white, of standard deviation `noise`, as far as the attacker knows its shape
    )

    covariance_at: Callable[[Batch], Any] | None = (
        None  # where part of such noise is isotropic and the attacker knows the rule: the covariance of all noise if that batch were the private one
    )

    @property
    def grey(self) -> Tensor:
        """Pictures in the middle of the bounds, or no words: what is handed over where nothing can be read, shape as the template's."""
        if self.template.modality.discrete:
            return torch.zeros_like(self.template.private)
        return torch.full_like(self.template.private, sum(self.bounds) / 2)

    def simulate(self, batch: Batch) -> Tree:
        """The message that this batch would give, without noise; differentiable."""
        return self.release(self.net, batch, None)


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """One report of a running attack; `guess` is a detached view of its present pictures."""

    number: int
    total: int
    loss: float
    guess: Tensor
    restart: int = 0


Progress = Callable[[Step], bool]
"""Called once a step; answering False asks the attack to stop and hand over its best so far."""


@dataclasses.dataclass(frozen=True, eq=False)
class Reconstruction:
    """What an attack gives back: its guess, the matching loss over steps, and what there is to say about it."""

    batch: Batch
    loss: float
    trace: tuple[tuple[int, float], ...] = ()  # (step, matching loss), counted through restarts
    note: str = ""
    failed: bool = False  # the attack itself can tell: diverged, stuck, precondition not met
    stopped: bool = False
    certainty: Tensor | None = None  # of every cell of a row, in [0, 1], (b, columns), where the attack says how sure it is of it


@dataclasses.dataclass(frozen=True)
class Size:
    """How big a message is: Euclidean norm, number of entries, largest magnitude of an entry; and how big those of the others are that are summed with it."""

    norm: float
    count: int
    peak: float
    others: tuple[Size, ...] = ()

    @classmethod
    def of(cls, message: Tree) -> Size:
        """Measure a message."""
        leaves = [leaf.detach().double() for leaf in message.values()]
        square = sum(float((leaf**2).sum()) for leaf in leaves)
        return cls(square**0.5, sum(leaf.numel() for leaf in leaves), max(float(leaf.abs().max()) for leaf in leaves))

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Size:
        """As results keep it, by the names of its fields."""
        own: dict[str, Any] = {**facts, "others": tuple(cls.from_json(one) for one in facts.get("others", ()))}
        return cls(**own)

    def to_json(self) -> dict[str, Any]:
        """Its fields by name; of a message that is in no sum nothing is said of others."""
        own = {"norm": self.norm, "count": self.count, "peak": self.peak}
        return own | ({"others": [one.to_json() for one in self.others]} if self.others else {})

    @property
    def rms(self) -> float:
        """Root mean square of the entries: norm / sqrt(count)."""
        return self.norm / self.count**0.5


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """What a defense may use on the client's side besides the batch, or a server before it plants a net."""

    net: Net
    public: Tensor  # (n, c, h, w) public pictures, possibly none
    labels: Tensor | None = None  # of the public pictures, (n,)
    batch_size: int = 1  # samples in a client's batch, as a server knows it

    @classmethod
    def without_public(cls, net: Net, batch: Batch) -> World:
        """No public pictures: an empty stack of the batch's shape, made without any of the batch's memory, so that attackers may reach it."""
        return cls(net, batch.private.new_zeros((0, *batch.private.shape[1:])))


__all__ = ["Batch", "Knowledge", "Net", "Observation", "Progress", "Reconstruction", "Release", "Rules", "Size", "Step", "World"]
