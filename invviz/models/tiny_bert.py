"""A small encoder of sentences: every word looks at all others, and the whole sentence is given a class."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.task import present
from ._base import Model, Shape
from ._transformer import FROZEN, block, embedding, freeze_embedding, norm, products_of

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclasses.dataclass(frozen=True)
class TinyBERT(Model):
    """An encoder: word and position embeddings, blocks of attention to all words of a sentence and to the mark before them, and a score of every class.

    `frozen='embedding'`: clients leave the embeddings as they are. Blocks are those of `tiny_lm` without the rule that words see only what stands before. The class is read off the mean of all places (`pool=mean`), or off the mark's place alone,
    as BERT does (`pool=mark`): then of the last attention only a few directions of its inputs show in the gradient. A class of `notes` is a word, the diagnosis. Ours: size and training; the paper is BERT's.
    """

    name: ClassVar[str] = "tiny_bert"
    title: ClassVar[str] = "Tiny BERT (encoder)"
    paper: ClassVar[str] = "devlin2019bert"
    modalities: ClassVar[tuple[str, ...]] = ("tokens",)
    first_layer: ClassVar[str] = "word embedding"
    cuts: ClassVar[tuple[str, ...]] = ()
    epochs: ClassVar[int] = 8
    train_lr: ClassVar[float] = 3e-3

    width: int = knob(64, "numbers that stand for a word (embedding dimension); a multiple of heads", low=4, high=512, unit="numbers")
    heads: int = knob(2, "heads of every attention", low=1, high=16)
    blocks: int = knob(2, "blocks of attention and two-layer net", low=1, high=6, unit="blocks")
    pool: str = knob(
        "mean", "what the class is read off: the mean of all places, or the mark before the sentence", choices=("mean", "mark")
    )

    frozen: str = knob("nothing", FROZEN, choices=("nothing", "embedding"), late=True)

    def freeze(self, module: nn.Module) -> None:
        """The embeddings, where they are not trained by clients; they were trained before with the rest where the net starts trained."""
        if self.frozen == "embedding":
            freeze_embedding(module)

    def problems(self, shape: Shape) -> list[str]:
        """A width that the heads do not share evenly."""
        if self.width % self.heads:
            return [f"tiny_bert: the heads share the width evenly; width is {self.width}, heads is {self.heads}. Use a multiple."]
        return []

    def products(self, shape: Shape, num_classes: int) -> int:
        """In every block the linear maps and the two products of attention, at every place; and the scores of all classes, once."""
        return products_of(self.blocks, self.width, shape[0] + 1) + self.width * num_classes

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Embeddings, blocks, and a head."""
        how = self

        class Encoder(torch.nn.Module):  # made here, because a module-level class would import torch
            """Words (b, t), or what share of each stands at a place (b, t, words), to class scores (b, classes)."""

            def __init__(self) -> None:
                super().__init__()
                self.embedding = embedding(shape[0] + 1, num_classes, how.width)
                self.blocks = torch.nn.ModuleList([block(how.heads, how.width) for _ in range(how.blocks)])
                self.norm = norm(how.width)
                self.head = torch.nn.Linear(how.width, num_classes, bias=False)

            def forward(self, tokens: Tensor) -> Tensor:
                states = self.embedding(tokens)
                words = present(tokens).to(states)
                there = torch.cat([torch.ones_like(words[:, :1]), words], 1)
                for part in self.blocks:
                    states = part(states, there)
                states = self.norm(states)
                if how.pool == "mark":
                    return self.head(states[:, 0])
                return self.head((states * there[..., None]).sum(1) / there.sum(1, keepdim=True))

        return Encoder()
