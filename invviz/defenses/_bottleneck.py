"""A variational bottleneck in front of a net's last fully connected layer, on a copy of the net."""

from __future__ import annotations

import copy
import dataclasses
import math
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.errors import InvvizError
from ..core.lazy import torch
from ..core.rng import stream
from ..core.types import Net

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn

    from ..core.types import Batch, Tree

MARK = "bottleneck."  # in the names of what is added
ONE_SAMPLE = 1e-3  # share of the decoder's gradient that may be of another form; rounding alone leaves 1e-6
NO_LAYER = "precode stands in front of the last fully connected layer of a net"


class Widened(NamedTuple):
    """A copied module with a bottleneck, and where that lies."""

    module: nn.Module
    prefix: str  # of the last layer's names: "9." where its weight is called "9.weight"


@dataclasses.dataclass(frozen=True, eq=False)
class BottleneckNet(Net):
    """A net with a bottleneck. Its loss pays for what the bottleneck lets through; eps is fresh at every evaluation, zero without a generator."""

    _: dataclasses.KW_ONLY
    prefix: str
    scale: float
    beta: float
    rng: Generator | None
    eps: Tensor | None = None  # fixed, in place of a draw; std is multiplied with it as it is

    def loss(self, params: Tree, batch: Batch) -> Tensor:
        """The task's loss + beta KL(N(mu, std^2) || N(0, 1)), in bits [S], mean over the batch."""
        inside: Any = self.module.get_submodule(self.prefix + MARK[:-1])
        state, eps = dict(params), self.eps
        if eps is None and self.rng is not None:
            draw = torch.randn((len(batch.private), inside.units), generator=self.rng, dtype=batch.private.dtype)
            eps = self.scale * draw.to(batch.private.device)
        if eps is not None:
            state[f"{self.prefix}{MARK}eps"] = eps
        outputs = self.outputs(state, batch)
        paid = inside.__dict__.pop("paid")  # of this very call
        inside.__dict__.pop("code")
        return self.task.loss(outputs, batch.targets) + self.beta / math.log(2) * paid

    def eps_for(self, batch: Batch, z: Tensor) -> Tensor:
        """The draw with which these pictures give this code: (z - mu) / std."""
        inside: Any = self.module.get_submodule(self.prefix + MARK[:-1])
        self.outputs(self.params, batch)
        mu, std = inside.__dict__.pop("code")
        inside.__dict__.pop("paid")
        return (z - mu) / std


def code_in(message: Tree) -> Tensor | None:
    """The code z of a single sample, read off the decoder's gradient, which is (gradient of its bias) z^T; None where it has no such form. Source: [D]."""
    names = [name for name in message if MARK in name]
    if not names:
        return None
    prefix = names[0].split(MARK)[0] + MARK
    weight, bias = message[f"{prefix}decode.weight"], message[f"{prefix}decode.bias"]
    z = bias @ weight / (bias @ bias).clamp(min=1e-300)
    off = float((weight - torch.outer(bias, z)).norm())
    return z if off < ONE_SAMPLE * float(weight.norm()) else None


def widen(net: Net, units: int, seed: int, scale: float, beta: float, rng: Generator | None) -> BottleneckNet:
    """The net with a bottleneck of so many units; the net itself is left as it is, and its own parameters keep their names and values.

    The last layer stays last in the message, where attackers look for labels; the bottleneck comes right before it.

    Raises:
        InvvizError: no fully connected layer, nothing with weights in front of it, or a bottleneck already.
    """
    module, prefix = _copy(net, units, seed)
    names = list(net.params)
    place = next(k for k, name in enumerate(names) if name.startswith(prefix))
    added = {name: p.detach() for name, p in module.named_parameters() if MARK in name}
    params = {**{k: net.params[k] for k in names[:place]}, **added, **{k: net.params[k] for k in names[place:]}}
    return BottleneckNet(module, params, net.task, prefix=prefix, scale=scale, beta=beta, rng=rng)


_made: weakref.WeakKeyDictionary[nn.Module, dict[tuple, Widened]] = weakref.WeakKeyDictionary()


def _copy(net: Net, units: int, seed: int) -> Widened:
    """Made once for every module, size and seed; made again where the module has moved to another device or precision."""
    like = next(iter(net.params.values()), None)
    known = _made.setdefault(net.module, {})
    key = (units, seed, None if like is None else (like.dtype, like.device))
    if key not in known:
        known[key] = _insert(net, units, seed)
    return known[key]


def _insert(net: Net, units: int, seed: int) -> Widened:
    layers = [name for name, part in net.module.named_modules() if isinstance(part, torch.nn.Linear)]
    if not layers:
        raise InvvizError(f"{NO_LAYER}, and this net has none.")
    if any(MARK in name for name in net.params):
        raise InvvizError("precode is there already; a net takes one bottleneck only.")
    prefix = f"{layers[-1]}." if layers[-1] else ""
    if all(name.startswith(prefix) for name in net.params):
        raise InvvizError(f"{NO_LAYER}, and this net has no weights in front of it: nothing would be left that chance has not changed.")
    module = copy.deepcopy(net.module)
    last: Any = module.get_submodule(layers[-1])
    last.bottleneck = bottleneck(last.in_features, units, seed).to(last.weight)
    last.register_forward_pre_hook(lambda layer, args: (layer.bottleneck(args[0]),))
    return Widened(module.eval().requires_grad_(False), prefix)


def bottleneck(features: int, units: int, seed: int) -> nn.Module:
    """The layer: z = mu + softplus(s) eps with (mu, s) linear in the features, then back to their number, linear [P].

    Weights and biases are uniform in +-1 / sqrt(inputs), PyTorch's own range.
    """

    class Bottleneck(torch.nn.Module):  # made here, because a module-level class would import torch
        eps: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.units = units
            self.encode, self.decode = torch.nn.Linear(features, 2 * units), torch.nn.Linear(units, features)
            self.register_buffer("eps", torch.zeros(1, units), persistent=False)

        def forward(self, x: Tensor) -> Tensor:
            mu, s = self.encode(x).chunk(2, dim=-1)
            std = torch.nn.functional.softplus(s)
            self.code = mu, std
            self.paid = (0.5 * (mu**2 + std**2 - 1) - std.log()).sum(-1).mean()
            return self.decode(mu + std * self.eps)

    rng = stream(seed, "bottleneck")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        made = Bottleneck()
        for layer in (made.encode, made.decode):
            bound = layer.in_features**-0.5
            for p in layer.parameters():
                p.uniform_(-bound, bound, generator=rng)
    return made
