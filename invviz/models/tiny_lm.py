"""A small language model: a decoder that foretells the next word."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.task import NEXT_TOKEN, Task
from ._base import Model, Shape
from ._transformer import FROZEN, block, embedding, freeze_embedding, norm, products_of

if TYPE_CHECKING:
    from torch import nn


@dataclasses.dataclass(frozen=True)
class TinyLM(Model):
    """A decoder: word and position embeddings, blocks of attention to the words before, and a score of every word as the next one.

    Every block begins with RMSNorm, and one linear map `blockK.qkv` makes queries, keys and values, as in GPT-2; without biases. In front of a sentence stands the mark 0, which is also its
    end. `frozen='embedding'`: clients leave the embeddings as they are. Ours: size and training; the paper is GPT-2's.
    """

    name: ClassVar[str] = "tiny_lm"
    title: ClassVar[str] = "Tiny language model (decoder)"
    paper: ClassVar[str] = "radford2019gpt2"
    modalities: ClassVar[tuple[str, ...]] = ("tokens",)
    task: ClassVar[Task] = NEXT_TOKEN
    first_layer: ClassVar[str] = "word embedding"
    cuts: ClassVar[tuple[str, ...]] = ()
    epochs: ClassVar[int] = 8
    train_lr: ClassVar[float] = 3e-3

    width: int = knob(64, "numbers that stand for a word (embedding dimension); a multiple of heads", low=4, high=512, unit="numbers")
    heads: int = knob(2, "heads of every attention", low=1, high=16)
    blocks: int = knob(2, "blocks of attention and two-layer net", low=1, high=6, unit="blocks")

    frozen: str = knob("nothing", FROZEN, choices=("nothing", "embedding"), late=True)

    def freeze(self, module: nn.Module) -> None:
        """The embeddings, where they are not trained by clients; they were trained before with the rest where the net starts trained."""
        if self.frozen == "embedding":
            freeze_embedding(module)

    def problems(self, shape: Shape) -> list[str]:
        """A width that the heads do not share evenly."""
        if self.width % self.heads:
            return [f"tiny_lm: the heads share the width evenly; width is {self.width}, heads is {self.heads}. Use a multiple."]
        return []

    def products(self, shape: Shape, num_classes: int) -> int:
        """In every block the linear maps and the two products of attention, at every place; and the scores of all words."""
        places = shape[0] + 1
        return products_of(self.blocks, self.width, places) + places * self.width * num_classes

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Embeddings, blocks, and a head."""
        nn = torch.nn
        parts = [("embedding", embedding(shape[0] + 1, num_classes, self.width))]
        parts += [(f"block{k}", block(self.heads, self.width)) for k in range(1, self.blocks + 1)]
        parts += [("norm", norm(self.width)), ("head", nn.Linear(self.width, num_classes, bias=False))]
        return nn.Sequential(OrderedDict(parts))
