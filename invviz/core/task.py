"""What a net is trained to do: a loss of its outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from .lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

    from .types import Batch, Net, Tree


def _classes_right(outputs: Tensor, targets: Tree) -> Tensor:
    """Whether the largest class score (b, classes) is the label's (b,)."""
    return (outputs.argmax(1) == targets["label"]).double()


@dataclasses.dataclass(frozen=True)
class Task:
    """A loss, (outputs, targets) -> scalar.

    Attributes:
        name: of it.
        loss: mean over the batch; differentiable.
        hits: (outputs, targets) -> of every sample the share that is right, (b,).
        of_inputs: its targets are the inputs themselves, as those of a language model are: nobody is told them.
    """

    name: str
    loss: Callable[[Tensor, Tree], Tensor]
    hits: Callable[[Tensor, Tree], Tensor] = _classes_right
    of_inputs: bool = False

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The loss of a batch of which the net made these outputs, a scalar."""
        return self.loss(outputs, self.wanted(batch))

    def right(self, net: Net, batch: Batch) -> Tensor:
        """Of every sample the share that the net has right, (b,); no gradients are recorded."""
        with torch.no_grad():
            return self.hits(net.outputs(net.params, batch), self.wanted(batch))

    def wanted(self, batch: Batch) -> Tree:
        """What the outputs are set against."""
        return batch.inputs if self.of_inputs else batch.targets


def with_tangent(loss: Callable[[Tensor, Tree], Tensor]) -> Callable[[Tensor, Tree], Tensor]:
    """The same loss with the same derivatives, whose targets are numbers that forward mode knows to vary.

    torch 2.13 cannot push mse_loss forward through its backward pass where the target is a constant ("ZeroTensors are immutable"): real targets get 0 times the
    outputs added.
    """

    def told(outputs: Tensor, targets: Tree) -> Tensor:
        if not torch.is_tensor(outputs):
            return loss(outputs, targets)
        nothing = (0.0 * outputs).sum()  # in this order: of a single number times 0.0 forward mode makes a double
        return loss(outputs, {name: value + nothing if value.is_floating_point() else value for name, value in targets.items()})

    return told


CLASSIFICATION = Task("classification", lambda outputs, targets: torch.nn.functional.cross_entropy(outputs, targets["label"]))
"""Cross-entropy; targets {"label": (b,) class numbers or (b, classes) probabilities}."""

REGRESSION = Task("regression", with_tangent(lambda outputs, targets: torch.nn.functional.mse_loss(outputs, targets["value"])))
"""Squared error; targets {"value": like the outputs}."""


def _next_token(outputs: Tensor, inputs: Tree) -> Tensor:
    """The mean over sentences of the mean over their words and their end, so that a batch's gradient is the mean of its sentences' gradients."""
    wanted = inputs["tokens"]
    counts = ends(wanted)
    closed = _closed(wanted)
    told = closed.transpose(1, 2) if wanted.is_floating_point() else closed
    wrong = torch.nn.functional.cross_entropy(outputs.transpose(1, 2), told, reduction="none")
    return ((wrong * counts).sum(1) / counts.sum(1)).mean()


def _closed(tokens: Tensor) -> Tensor:
    """Tokens (b, t), or shares of words (b, t, words), with a place for the end behind them, (b, t + 1, ...)."""
    if tokens.is_floating_point():
        nothing = torch.nn.functional.one_hot(torch.zeros(len(tokens), 1, dtype=torch.long, device=tokens.device), tokens.shape[2])
        return torch.cat([tokens, nothing.to(tokens)], 1)
    return torch.cat([tokens, torch.zeros_like(tokens[:, :1])], 1)


def present(tokens: Tensor) -> Tensor:
    """Which places of sentences (b, t) hold a word or stand before one, (b, t) of 0 and 1; of shares of words (b, t, words) to what share, differentiable."""
    held = 1 - tokens[..., 0] if tokens.is_floating_point() else (tokens != 0).long()
    return held.flip(1).cummax(1).values.flip(1)


def ends(tokens: Tensor) -> Tensor:
    """Which places of sentences (b, t) and of the end behind them are foretold, (b, t + 1): the words, and the first place behind the last one."""
    words = present(tokens)
    return torch.cat([torch.ones_like(words[:, :1]), words], 1)


def _next_right(outputs: Tensor, inputs: Tree) -> Tensor:
    """The share of a sentence's words, and its end, that have the largest score."""
    counts = ends(inputs["tokens"])
    return ((outputs.argmax(2) == _closed(inputs["tokens"])) * counts).sum(1).double() / counts.sum(1)


NEXT_TOKEN = Task("next token", _next_token, _next_right, of_inputs=True)
"""Cross-entropy of every word of a sentence, and of its end, given the words before it; inputs {"tokens": (b, t) whole numbers, 0 behind the last word}."""
