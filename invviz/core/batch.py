"""What a client holds and what it was sent: a batch of samples, and a net with its task."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

from .lazy import torch
from .modality import PICTURE, Modality
from .task import CLASSIFICATION, Task
from .tree import flatten

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from torch import Tensor, nn

    from .planted import Plan
    from .types import Tree


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

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """Several batches of one kind as one."""
        join = lambda trees: {name: torch.cat([tree[name] for tree in trees]) for name in trees[0]}  # noqa: E731
        return cls(join([one.inputs for one in batches]), join([one.targets for one in batches]), batches[0].modality)

    def pieces(self, counts: Sequence[int]) -> list[Batch]:
        """The same as several batches, of so many samples each: the inverse of `joined`."""
        ends = [sum(counts[:place]) for place in range(len(counts) + 1)]
        cut = lambda tree, place: {name: leaf[ends[place] : ends[place + 1]] for name, leaf in tree.items()}  # noqa: E731
        return [Batch(cut(self.inputs, place), cut(self.targets, place), self.modality) for place in range(len(counts))]

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
    plan: Plan | None = dataclasses.field(default=None, kw_only=True)  # a dishonest server's own notes on it, which no client sees

    @classmethod
    def of(cls, module: nn.Module, task: Task = CLASSIFICATION, plan: Plan | None = None) -> Net:
        """Freeze a module for release: evaluation mode, no gradients recorded."""
        module = module.eval().requires_grad_(False)
        return cls(module, {k: p.detach() for k, p in module.named_parameters()}, task, plan=plan)

    @property
    def num_params(self) -> int:
        """How many numbers the parameters are."""
        return sum(p.numel() for p in self.params.values())

    @property
    def digest(self) -> str:
        """SHA-256 of names, kinds, shapes and numbers of the parameters, in 64 hexadecimal digits: two clients who were sent the same net have the same."""
        found = hashlib.sha256()
        for name, p in sorted(self.params.items()):
            found.update(f"{name} {p.dtype} {tuple(p.shape)} ".encode())
            found.update(p.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        return found.hexdigest()

    def outputs(self, params: Tree, batch: Batch) -> Tensor:
        """What the module makes of a batch under the given parameters; class scores (b, classes) of a classifier. A module of one input takes it as it is, one of several by their names."""
        inputs = batch.inputs
        given = (tuple(inputs.values()), {}) if len(inputs) == 1 else ((), dict(inputs))
        return torch.func.functional_call(
            self.module, dict(params), *given, tie_weights=False
        )  # no model here shares weights; the search for such costs

    def loss(self, params: Tree, batch: Batch) -> Tensor:
        """The task's mean loss of a batch under the given parameters, a scalar."""
        return self.task.loss_of(self.outputs(params, batch), batch)
