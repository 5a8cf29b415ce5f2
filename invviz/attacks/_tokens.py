"""What an attacker finds out about the way from picture to first attention, by looking at the net and trying it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ..core.types import Batch
from ._base import Unreadable

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..core.types import Net, Tree

    Call = tuple[str, Tensor, Tensor]  # name of a linear layer, what entered it, what came out

POSITIONS = "positions"  # last part of the name of the position embeddings, (tokens, width)
EQUAL = 1e-9  # share of its size by which a number may move by rounding alone (float64)


@dataclasses.dataclass(frozen=True, eq=False)
class Front:
    """Patches p, each a row of pixels, become tokens z = W p + w + e (with positions e), which three linear layers of the first attention read.

    Args:
        positions: name of e, (tokens, width).
        embed: name of the linear layer with W (width, numbers of a patch).
        readers: names of the three linear layers, in any order.
        place: the pixel, as an index into the flat picture, of every number of every patch, (patches, numbers of a patch).
        scale, shift: p = scale * pixel + shift.
        black: the tokens of a black picture, (tokens, width).
        norm: whether something stands between tokens and readers (LayerNorm).
        skip: whether something goes around the first attention (a residual connection).
    """

    positions: str
    embed: str
    readers: tuple[str, ...]
    place: Tensor
    scale: float
    shift: float
    black: Tensor
    norm: bool
    skip: bool

    @property
    def extra(self) -> int:
        """Tokens before those of the patches: a class token."""
        return len(self.black) - len(self.place)


def front(net: Net, like: Tensor) -> Front:
    """Read the front of a net in float64.

    Args:
        net: in float64.
        like: a picture (1, c, h, w), for its shape.

    Raises:
        Unreadable: the net has no such front.
    """
    positions = next((name for name in net.params if name.split(".")[-1] == POSITIONS), None)
    calls = _calls(net, net.params, torch.zeros_like(like))[0]
    readers = next((calls[k : k + 3] for k in range(1, len(calls) - 2) if calls[k][1] is calls[k + 1][1] is calls[k + 2][1]), None)
    if positions is None or readers is None or calls[0][1].ndim != 3:
        raise Unreadable("This net has no position embeddings and first attention. Use model=vit(skip='off',norm='none').")
    embed, low, out = calls[0]
    place, scale, shift = _places(net, like, low[0])
    e = net.params[positions]
    tokens = readers[0][1][0]
    extra = len(e) - len(place)
    if extra < 0 or tokens.shape != e.shape:
        raise Unreadable(
            "The positions of this net are not added to tokens that the first attention reads. Use model=vit(skip='off',norm='none')."
        )
    black = e.clone()
    black[extra:] += out[0]
    if extra:  # what is put in front of the patches shows at the attention, unless a LayerNorm hides it
        black[:extra] = tokens[:extra]
    norm = not _same(tokens[extra:], black[extra:])
    names = tuple(name for name, _, _ in readers)
    return Front(positions, embed, names, place, scale, shift, black, norm, _bypassed(net, names, like))


def _calls(net: Net, params: Tree, image: Tensor) -> tuple[list[Call], Tensor]:
    """All linear layers in the order of their use, and the class scores."""
    found: list[Call] = []

    def tap(name: str):
        def hook(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            found.append((name, given[0], out))

        return hook

    layers = [(name, part) for name, part in net.module.named_modules() if isinstance(part, torch.nn.Linear)]
    hooks = [layer.register_forward_hook(tap(name)) for name, layer in layers]
    try:
        with torch.no_grad():
            return found, net.outputs(params, Batch.of(image, torch.zeros(1, dtype=torch.int64)))
    finally:
        for hook in hooks:
            hook.remove()


def _places(net: Net, like: Tensor, low: Tensor) -> tuple[Tensor, float, float]:
    """Which pixel every number of a patch is: a picture of its own pixel numbers tells."""
    count = like.numel()
    enters = lambda image: _calls(net, net.params, image)[0][0][1][0]  # noqa: E731
    scale = float((enters(torch.ones_like(like)) - low).mean())
    ramp = (torch.arange(count).to(like) / count).view_as(like)
    place = ((enters(ramp) - low) * count / scale).round().long() if scale else low.long()
    if not torch.equal(place.flatten().sort().values, torch.arange(count).to(place)):
        raise Unreadable("The first linear layer of this net does not read pieces of the picture, each pixel once. Use model=vit.")
    return place, scale, float(low.mean())


def _bypassed(net: Net, readers: tuple[str, ...], like: Tensor) -> bool:
    """Whether class scores depend on the picture even where the first attention is blind: its three layers have weights of zero."""
    blind = {name: torch.zeros_like(p) if name in {f"{r}.weight" for r in readers} else p for name, p in net.params.items()}
    ramp = torch.linspace(0, 1, like.numel()).to(like).view_as(like)
    return not _same(*(_calls(net, blind, image)[1] for image in (ramp, torch.zeros_like(like))))


def _same(a: Tensor, b: Tensor) -> bool:
    return float((a - b).norm()) <= EQUAL * float(a.norm() + b.norm())
