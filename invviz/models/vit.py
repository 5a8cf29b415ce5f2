"""A small vision transformer, with the parts that decide whether its gradient can be inverted as knobs."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import TYPE_CHECKING, ClassVar

from ..core.component import knob
from ..core.lazy import torch
from ._base import Blocks, Shape
from ._layers import standardise

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST_BLOCKS = 12
WIDER = 2  # times the width: neurons of the two-layer net in every block


@dataclasses.dataclass(frozen=True)
class ViT(Blocks):
    """A vision transformer: square patches, learnable positions, blocks of attention and a two-layer net with GELU.

    Pictures are first centred and scaled. The positions are parameters like all others, named `tokens.positions`, so their gradient is shared. Without residual connections
    and LayerNorm (`skip='off', norm='none'`) it is the net that lu2022april inverts in closed form. Ours: the size (theirs have 192 or 384 numbers and 12 blocks), and a
    hidden layer of twice the width instead of four times.
    """

    name: ClassVar[str] = "vit"
    title: ClassVar[str] = "Vision transformer (small)"
    paper: ClassVar[str] = "dosovitskiy2021vit"
    held: ClassVar[float] = 20.0
    cuts: ClassVar[tuple[str, ...]] = tuple(f"block {k}" for k in range(1, MOST_BLOCKS + 1))  # the first `blocks` of them
    min_side: ClassVar[int] = 4
    first_layer: ClassVar[str] = "patch embedding"
    epochs: ClassVar[int] = 20

    patch: int = knob(4, "side of a square patch; it divides the pictures' sides", low=1, high=64, unit="pixels")
    width: int = knob(96, "numbers that stand for a patch (embedding dimension); a multiple of heads", low=1, high=768, unit="numbers")
    heads: int = knob(4, "heads of every attention", low=1, high=16)
    blocks: int = knob(2, "blocks of attention and two-layer net", low=1, high=MOST_BLOCKS, unit="blocks")  # type: ignore[bad-override]  (read only here: the class is frozen)
    skip: str = knob("on", "residual connections around every attention and every two-layer net", choices=("on", "off"))
    norm: str = knob("pre", "LayerNorm before every attention and two-layer net, and before pooling; or none", choices=("none", "pre"))
    pool: str = knob(
        "mean", "what gives the class scores: the mean of all tokens, or an extra class token", choices=("mean", "class token")
    )

    def entries(self, shape: Shape, cut: int, activated: bool = True) -> int:
        """A row of `width` numbers for every patch, and for the class token."""
        return self.width * ((shape[1] // self.patch) * (shape[2] // self.patch) + (self.pool == "class token"))

    def products(self, shape: Shape, num_classes: int) -> int:
        """Patches, and in every block four linear maps of attention, its two products of tokens with tokens, and two linear layers."""
        tokens, patches = self.entries(shape, 1) // self.width, (shape[1] // self.patch) * (shape[2] // self.patch)
        block = tokens * self.width * (4 * self.width + 2 * tokens + 2 * WIDER * self.width)
        return patches * shape[0] * self.patch**2 * self.width + self.blocks * block + self.width * num_classes

    def problems(self, shape: Shape) -> list[str]:
        """A width that the heads do not share evenly; patches that do not tile the picture."""
        found = []
        if self.width % self.heads:
            found.append(f"vit: the heads share the width evenly; width is {self.width}, heads is {self.heads}. Use a multiple.")
        if shape[1] % self.patch or shape[2] % self.patch:
            found.append(
                f"vit cuts pictures into patches of {self.patch}x{self.patch} pixels; one of {shape[1]}x{shape[2]} leaves a rest. "
                "Use a patch that divides both sides, or pictures of another size."
            )
        return found

    def layers(self, shape: Shape, num_classes: int) -> nn.Module:
        """Tokens, blocks, and a head: pooling and a linear layer."""
        nn = torch.nn
        parts = [("standardise", standardise()), ("tokens", self._tokens(shape))]
        parts += [(f"block{k}", self._block()) for k in range(1, self.blocks + 1)]
        parts += [("norm", self._norm()), ("pool", _pool(self.pool)), ("head", nn.Linear(self.width, num_classes))]
        return nn.Sequential(OrderedDict(parts))

    def segments(self, module: nn.Module) -> list[nn.Module]:
        """The tokens belong to the first block. An embedding is flat, because a row of tokens is neither a picture nor a vector to those who read it."""
        nn = torch.nn
        tokens, *rest = list(module.children())[1:]
        flat, rows = nn.Flatten(), nn.Unflatten(1, (-1, self.width))
        blocks, head = rest[: self.blocks], rest[self.blocks :]
        first = nn.Sequential(module[0], tokens, blocks[0], flat)  # type: ignore[index]
        return [first, *(nn.Sequential(rows, block, flat) for block in blocks[1:]), nn.Sequential(rows, *head)]

    def _norm(self) -> nn.Module:
        return torch.nn.LayerNorm(self.width) if self.norm == "pre" else torch.nn.Identity()

    def _tokens(self, shape: Shape) -> nn.Module:
        patch, width, count = self.patch, self.width, (shape[1] // self.patch) * (shape[2] // self.patch)
        extra = self.pool == "class token"

        class Tokens(torch.nn.Module):  # made here, because a module-level class would import torch
            """(b, c, h, w) to (b, tokens, width): row by row, each patch as (channel, row, column)."""

            def __init__(self) -> None:
                super().__init__()
                self.embed = torch.nn.Linear(shape[0] * patch**2, width)
                self.class_token = torch.nn.Parameter(0.02 * torch.randn(width)) if extra else None
                self.positions = torch.nn.Parameter(0.02 * torch.randn(count + extra, width))

            def forward(self, image: Tensor) -> Tensor:
                b, c, h, w = image.shape
                cut = image.reshape(b, c, h // patch, patch, w // patch, patch).permute(0, 2, 4, 1, 3, 5)
                tokens = self.embed(cut.reshape(b, count, c * patch**2))
                if self.class_token is not None:
                    tokens = torch.cat([self.class_token.expand(b, 1, width), tokens], 1)
                return tokens + self.positions

        return Tokens()

    def _block(self) -> nn.Module:
        nn, heads, width, skips = torch.nn, self.heads, self.width, self.skip == "on"

        class Attention(nn.Module):
            """Every token asks all tokens; written out, because fused kernels cannot be differentiated twice."""

            def __init__(self) -> None:
                super().__init__()
                self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

            def forward(self, tokens: Tensor) -> Tensor:
                query, key, value = (
                    layer(tokens).unflatten(-1, (heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
                )  # (b, heads, tokens, width / heads)
                shares = (query @ key.transpose(-2, -1) * (width // heads) ** -0.5).softmax(-1)
                return self.out((shares @ value).transpose(1, 2).flatten(2))

        class Block(nn.Module):
            def __init__(self, norms: list[nn.Module]) -> None:
                super().__init__()
                self.norm1, self.attention = norms[0], Attention()
                self.norm2, self.mlp = norms[1], nn.Sequential(nn.Linear(width, WIDER * width), nn.GELU(), nn.Linear(WIDER * width, width))

            def forward(self, tokens: Tensor) -> Tensor:
                for part in (lambda x: self.attention(self.norm1(x)), lambda x: self.mlp(self.norm2(x))):
                    tokens = tokens + part(tokens) if skips else part(tokens)
                return tokens

        return Block([self._norm(), self._norm()])


def _pool(how: str) -> nn.Module:
    class Pool(torch.nn.Module):
        def forward(self, tokens: Tensor) -> Tensor:
            return tokens.mean(1) if how == "mean" else tokens[:, 0]

    return Pool()
