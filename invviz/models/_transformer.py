"""What small nets for sentences are made of: embeddings of words and places, blocks of attention, and RMSNorm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

WIDER = 4  # times the width: neurons of the two-layer net in every block
TINY = 1e-6  # added to a mean square before it divides
LEAST = 1e-12  # share of a place that is there at all, below which it counts as this


def products_of(blocks: int, width: int, places: int) -> int:
    """Multiplications in every block: the linear maps and the two products of attention, at every place."""
    return places * blocks * ((4 + 2 * WIDER) * width**2 + 2 * places * width)


def embedding(places: int, words: int, width: int) -> nn.Module:
    """Words and places as numbers, added; the parameters are `words` and `positions`."""

    class Embedding(torch.nn.Module):  # made here, because a module-level class would import torch
        """Words (b, t), or what share of each stands at a place (b, t, words), behind the mark as numbers, (b, t + 1, width)."""

        def __init__(self) -> None:
            super().__init__()
            self.words = torch.nn.Parameter(0.1 * torch.randn(words, width))
            self.positions = torch.nn.Parameter(0.1 * torch.randn(places, width))

        def forward(self, tokens: Tensor) -> Tensor:
            if tokens.is_floating_point():  # an attacker's, between words
                mark = self.words[:1].expand(len(tokens), 1, width)
                return torch.cat([mark, tokens @ self.words], 1) + self.positions[: tokens.shape[1] + 1]
            begun = torch.cat([tokens.new_zeros(len(tokens), 1), tokens], 1)
            return torch.nn.functional.embedding(begun, self.words) + self.positions[: begun.shape[1]]

    return Embedding()


FROZEN = "what clients do not train, so that no message holds its gradient: nothing, or the embeddings of words and places"


def freeze_embedding(module: nn.Module) -> None:
    """Words and places stay as they are: buffers in the place of parameters."""
    part = module.get_submodule("embedding")
    for name, leaf in list(part.named_parameters(recurse=False)):
        delattr(part, name)
        part.register_buffer(name, leaf.detach())


def block(heads: int, width: int) -> nn.Module:
    """Attention and a two-layer net, whose answers are both added to what comes in."""
    nn = torch.nn

    class Block(nn.Module):
        """Attention to what stands before; to all places that are there where those are named."""

        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = norm(width), norm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
            self.mlp = nn.Sequential(nn.Linear(width, WIDER * width), nn.GELU(), nn.Linear(WIDER * width, width))

        def forward(self, states: Tensor, there: Tensor | None = None) -> Tensor:
            states = states + self.attend(self.qkv(self.norm1(states)), there)
            return states + self.mlp(self.norm2(states))

        def attend(self, joint: Tensor, there: Tensor | None) -> Tensor:
            """Written out, because fused kernels cannot be differentiated twice."""
            query, key, value = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in joint.chunk(3, -1))
            asked = query @ key.transpose(-2, -1) * (width // heads) ** -0.5
            if there is None:
                later = torch.ones(joint.shape[1], joint.shape[1], dtype=torch.bool, device=joint.device).triu(1)
                asked = asked.masked_fill(later, -torch.inf)
            else:
                asked = asked + there.clamp(min=LEAST).log().masked_fill(there == 0, -torch.inf)[:, None, None]
            return self.out((asked.softmax(-1) @ value).transpose(1, 2).flatten(2))

    return Block()


def norm(width: int) -> nn.Module:
    """RMSNorm; torch has one since 2.4, without all second derivatives."""

    class RMSNorm(torch.nn.Module):
        """Divides by the root mean square, and multiplies with a gain."""

        def __init__(self) -> None:
            super().__init__()
            self.gain = torch.nn.Parameter(torch.ones(width))

        def forward(self, states: Tensor) -> Tensor:
            return self.gain * states * (states.square().mean(-1, keepdim=True) + TINY).rsqrt()

    return RMSNorm()
