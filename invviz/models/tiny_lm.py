"""A small language model: a decoder that foretells the next word."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ..core.task import NEXT_TOKEN, Task
from ._base import Model, Shape

if TYPE_CHECKING:
    from torch import Tensor, nn

WIDER = 4  # times the width: neurons of the two-layer net in every block
TINY = 1e-6  # added to a mean square before it divides


@dataclasses.dataclass(frozen=True)
class TinyLM(Model):
    """A decoder: word and position embeddings, blocks of attention to the words before, and a score of every word as the next one.

    Every block begins with RMSNorm, and one linear map `blockK.qkv` makes queries, keys and values, as in GPT-2; without biases. In front of a sentence stands the mark 0, which is also its
    end. Ours: size and training; the paper is GPT-2's.
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

    def problems(self, shape: Shape) -> list[str]:
        """A width that the heads do not share evenly."""
        if self.width % self.heads:
            return [f"tiny_lm: the heads share the width evenly; width is {self.width}, heads is {self.heads}. Use a multiple."]
        return []

    def products(self, shape: Shape, num_classes: int) -> int:
        """In every block the linear maps and the two products of attention, at every place; and the scores of all words."""
        places = shape[0] + 1
        block = (4 + 2 * WIDER) * self.width**2 + 2 * places * self.width
        return places * (self.blocks * block + self.width * num_classes)

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Embeddings, blocks, and a head."""
        nn = torch.nn
        parts = [("embedding", self._embedding(shape[0] + 1, num_classes))]
        parts += [(f"block{k}", self._block()) for k in range(1, self.blocks + 1)]
        parts += [("norm", _norm(self.width)), ("head", nn.Linear(self.width, num_classes, bias=False))]
        return nn.Sequential(OrderedDict(parts))

    def _embedding(self, places: int, words: int) -> nn.Module:
        width = self.width

        class Embedding(torch.nn.Module):  # made here, because a module-level class would import torch
            """Words (b, t) behind the mark as numbers, (b, t + 1, width)."""

            def __init__(self) -> None:
                super().__init__()
                self.words = torch.nn.Parameter(0.1 * torch.randn(words, width))
                self.positions = torch.nn.Parameter(0.1 * torch.randn(places, width))

            def forward(self, tokens: Tensor) -> Tensor:
                begun = torch.cat([tokens.new_zeros(len(tokens), 1), tokens], 1)
                return torch.nn.functional.embedding(begun, self.words) + self.positions[: begun.shape[1]]

        return Embedding()

    def _block(self) -> nn.Module:
        nn, heads, width = torch.nn, self.heads, self.width

        class Block(nn.Module):
            """Attention to what stands before, then a two-layer net; both are added to what comes in."""

            def __init__(self) -> None:
                super().__init__()
                self.norm1, self.norm2 = _norm(width), _norm(width)
                self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
                self.mlp = nn.Sequential(nn.Linear(width, WIDER * width), nn.GELU(), nn.Linear(WIDER * width, width))

            def forward(self, states: Tensor) -> Tensor:
                states = states + self.attend(self.qkv(self.norm1(states)))
                return states + self.mlp(self.norm2(states))

            def attend(self, joint: Tensor) -> Tensor:
                """Written out, because fused kernels cannot be differentiated twice."""
                query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in joint.chunk(3, -1))
                later = torch.ones(joint.shape[1], joint.shape[1], dtype=torch.bool, device=joint.device).triu(1)
                asked = (query @ key.transpose(-2, -1) * (width // heads) ** -0.5).masked_fill(later, -torch.inf)
                return self.out((asked.softmax(-1) @ value).transpose(1, 2).flatten(2))

        return Block()


def _norm(width: int) -> nn.Module:
    class RMSNorm(torch.nn.Module):
        """Divides by the root mean square, and multiplies with a gain; torch has one since 2.4, without all second derivatives."""

        def __init__(self) -> None:
            super().__init__()
            self.gain = torch.nn.Parameter(torch.ones(width))

        def forward(self, states: Tensor) -> Tensor:
            return self.gain * states * (states.square().mean(-1, keepdim=True) + TINY).rsqrt()

    return RMSNorm()
