"""The vocabulary: what a client releases, what an attacker may see, what it gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .lazy import torch
from .modality import PICTURE, Modality
from .task import CLASSIFICATION, Task
from .tree import flatten

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor, nn

    Tree = Mapping[str, Tensor]

Release = Callable[["Net", "Batch", "Generator | None"], "Tree"]
"""The map from a private batch to the message; `None` in place of a generator means its noise-free part."""


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """Inputs and targets, each a tree of tensors whose dimension 0 is the sample.

    Pictures have inputs {"image": (b, c, h, w) in [0, 1]} and targets {"label": (b,) int64, or (b, classes) probabilities}. Other modalities have inputs of their own,
    of which some are private and continuous; the others, such as the edges of a graph, everybody knows.
    """

    inputs: Tree
    targets: Tree
    modality: Modality = PICTURE

    @classmethod
    def of(cls, image: Tensor, label: Tensor) -> Batch:
        """A batch of pictures."""
        return cls({"image": image}, {"label": label})

    @property
    def private(self) -> Tensor:
        """The private inputs, shape (b, ...): as they are where the modality has one of them, else side by side, (b, numbers of a sample)."""
        names = self.modality.private
        return self.inputs[names[0]] if len(names) == 1 else flatten({name: self.inputs[name] for name in names}, 1)

    def at(self, private: Tensor, label: Tensor | None = None) -> Batch:
        """The same batch with other private inputs, and other labels where they are given.

        Args:
            private: shaped as `private` is; as many samples as the public inputs have.
            label: (b,) class numbers or (b, classes) probabilities.
        """
        names = self.modality.private
        if len(names) == 1:
            inputs = {names[0]: private}
        else:
            widths = [self.inputs[name][0].numel() for name in names]
            parts = zip(names, private.split(widths, 1), strict=True)
            inputs = {name: part.reshape(len(part), *self.inputs[name].shape[1:]) for name, part in parts}
        return Batch({**self.inputs, **inputs}, self.targets if label is None else {**self.targets, "label": label}, self.modality)

    def flat(self) -> Tensor:
        """All private inputs as one vector, shape (n,): what the Jacobian is taken by."""
        return self.private.flatten()

    def with_flat(self, vector: Tensor) -> Batch:
        """The same batch at another such vector; differentiable."""
        return self.at(vector.view_as(self.private))

    def like(self, private: np.ndarray, label: np.ndarray) -> Batch:
        """A batch of other samples, as data sets give them, in the precision and the place of this one."""
        now = self.private
        return self.at(torch.as_tensor(private).to(now), torch.as_tensor(label, device=now.device))

    def single(self, number: int) -> Batch:
        """One sample of it, as a batch."""
        of = lambda tree: {name: leaf[number : number + 1] for name, leaf in tree.items()}  # noqa: E731
        return Batch(of(self.inputs), of(self.targets), self.modality)

    @property
    def image(self) -> Tensor:
        """Pictures, shape (b, c, h, w)."""
        return self.inputs["image"]

    @property
    def label(self) -> Tensor:
        """Labels, shape (b,) as class numbers or (b, classes) as probabilities."""
        return self.targets["label"]


@dataclasses.dataclass(frozen=True, eq=False)
class Net:
    """The shared net: a module in evaluation mode and its parameters as a tree, kept apart so that they can be varied; and what it is trained to do."""

    module: nn.Module
    params: Tree
    task: Task = CLASSIFICATION

    @classmethod
    def of(cls, module: nn.Module, task: Task = CLASSIFICATION) -> Net:
        """Freeze a module for release: evaluation mode, no gradients recorded."""
        module = module.eval().requires_grad_(False)
        return cls(module, {k: p.detach() for k, p in module.named_parameters()}, task)

    @property
    def num_params(self) -> int:
        """How many numbers the parameters are."""
        return sum(p.numel() for p in self.params.values())

    def outputs(self, params: Tree, batch: Batch) -> Tensor:
        """What the module makes of a batch under the given parameters; class scores (b, classes) of a classifier. A module of one input takes it as it is, one of several by their names."""
        inputs = batch.inputs
        given = (tuple(inputs.values()), {}) if len(inputs) == 1 else ((), dict(inputs))
        return torch.func.functional_call(
            self.module, dict(params), *given, tie_weights=False
        )  # no model here shares weights; the search for such costs

    def loss(self, params: Tree, batch: Batch) -> Tensor:
        """The task's mean loss of a batch under the given parameters, a scalar."""
        return self.task.loss(self.outputs(params, batch), batch.targets)


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
    rounds: int = 1  # whose messages of the same batch it has, each with the net of its round

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
        return ", ".join([message, net if self.weights else "architecture", *given])

    def threat_model(self) -> str:
        """Letter of the passive threat model in the SoK's table (A eavesdropper ... E statistics; key carletti2025sok), or "malicious server"."""
        if self.malicious:
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
    pace: float = 1.0  # local steps times their learning rate, where the client takes several and the attacker knows them: the message over the mean of their gradients
    seen: Tree | None = None  # which entries were sent at all (1 or 0), where the attacker knows that the others were held back
    noise: float = 0.0  # standard deviation of the noise on every entry, where the attacker knows it
    interval: tuple[Tree, Tree] | None = (
        None  # between which values each entry lay before it was rounded, where the attacker knows that; may be infinite
    )
    beneath: float | None = (
        None  # where noise lies along the Jacobian's own directions and the attacker knows it: the standard deviation of isotropic noise beneath
    )
    whiten: Callable[[Tree], Tree] | None = (
        None  # makes coloured noise white, of standard deviation `noise`, as far as the attacker knows its shape
    )

    law: Callable[[Batch], Any] | None = (
        None  # where part of such noise is isotropic and the attacker knows the rule: the covariance of all noise if that batch were the private one
    )

    @property
    def grey(self) -> Tensor:
        """Pictures in the middle of the bounds: what is handed over where nothing can be read, shape as the template's."""
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


@dataclasses.dataclass(frozen=True)
class Size:
    """How big a message is: Euclidean norm, number of entries, largest magnitude of an entry."""

    norm: float
    count: int
    peak: float

    @classmethod
    def of(cls, message: Tree) -> Size:
        """Measure a message."""
        leaves = [leaf.detach().double() for leaf in message.values()]
        square = sum(float((leaf**2).sum()) for leaf in leaves)
        return cls(square**0.5, sum(leaf.numel() for leaf in leaves), max(float(leaf.abs().max()) for leaf in leaves))

    @property
    def rms(self) -> float:
        """Root mean square of the entries: norm / sqrt(count)."""
        return self.norm / self.count**0.5


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """What a defense may use on the client's side besides the batch."""

    net: Net
    public: Tensor  # (n, c, h, w) public pictures, possibly none
    labels: Tensor | None = None  # of the public pictures, (n,)

    @classmethod
    def without_public(cls, net: Net, batch: Batch) -> World:
        """No public pictures: an empty stack of the batch's shape, made without any of the batch's memory, so that attackers may reach it."""
        return cls(net, batch.private.new_zeros((0, *batch.private.shape[1:])))
