"""The gradient of a last layer as a mixture of its samples' features, before it is known which labels they have."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ._base import Unreadable
from ._features import features_of, linear_layers
from ._priors import textures

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ..core.types import Observation, Tree

EVEN = 4  # roundings of the message: the least noise of an entry
ROUNDINGS = 8  # of the message: share of it (root of squares) that may be left in any case, as rounding is not spread evenly
TEXTURES = 8  # on which it is seen whether the net makes negative features


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """dL/dW = D^T H / b and dL/dv = D^T 1 / b of the last layer, z = W h + v, over b samples with features H (b, f) and D = softmax(z) - onehot (b, c).

    D has rank b where samples are fewer than classes, so the features lie in the span V (f, b) of the gradient's rows: H = A V^T with unknowns A (b, b), however many features
    there are (the rank: key dimitrov2024spear).
    """

    name: str  # of the layer
    target: Tensor  # b U S and, as its last column, b dL/dv, (c, b + 1)
    logits: Tensor  # W V, (c, b)
    bias: Tensor  # v, (c,)
    rows: Tensor  # V^T, (b, f)
    noise: float  # standard deviation of an entry of the target, by what is left of the gradient outside the span, or rounding
    rounding: float  # sum of squares that rounding may leave of the target
    positive: bool  # the net makes no negative features

    @classmethod
    def of(cls, obs: Observation, rng: Generator) -> Mixture:
        """What an observation shows; `rng` draws textures. All in float64.

        Raises:
            Unreadable: there is no such layer, its gradient is not whole, zero or not finite, or there are not fewer samples than classes.
        """
        name, weight, bias = _last_layer(obs)
        size, classes, width = len(obs.template.private), len(weight), weight.shape[1]
        if size >= classes:
            raise Unreadable(f"{size} samples are mixed in the gradient of {classes} classes, which tells at most {classes - 1} apart.")
        if width <= size:
            raise Unreadable(f"{size} samples are mixed, and {name} has {width} features only.")
        u, s, rows = torch.linalg.svd(weight, full_matrices=False)
        eps = torch.finfo((obs.sent or obs.message)[f"{name}.weight"].dtype).eps
        noise = float((s[size:].square().sum() / ((classes - size) * (width - size))).sqrt())
        noise = max(noise, EVEN * eps * float(weight.square().mean().sqrt()))
        target = size * torch.cat([u[:, :size] * s[:size], bias[:, None]], 1)
        own, offset = (obs.net.params[f"{name}.{part}"].double() for part in ("weight", "bias"))
        rounding = (ROUNDINGS * eps) ** 2 * float(target.square().sum())
        return cls(name, target, own @ rows[:size].T, offset, rows[:size], size * noise, rounding, _positive(obs, name, rng))

    @property
    def size(self) -> int:
        """Samples in it."""
        return len(self.rows)


def _last_layer(obs: Observation) -> tuple[str, Tensor, Tensor]:
    """Name and gradient of the layer that makes the logits, in float64."""
    message: Tree = obs.sent or obs.message
    names = [n for n in linear_layers(obs.net, obs.template) if obs.net.params[f"{n}.weight"].shape[0] == obs.num_classes]
    if not names or not {f"{names[-1]}.weight", f"{names[-1]}.bias"} <= set(message):
        raise Unreadable("The net does not end in a linear layer with a bias, or its gradient was not sent: nothing shows any features.")
    weight, bias = (message[f"{names[-1]}.{part}"].double() for part in ("weight", "bias"))
    held = [part for part in ("weight", "bias") if obs.seen and not bool(obs.seen[f"{names[-1]}.{part}"].all())]
    if held:
        raise Unreadable("Parts of the last layer's gradient were held back; samples are told apart by the whole of it.")
    if not (torch.isfinite(weight).all() and torch.isfinite(bias).all() and float(weight.abs().max()) > 0):
        raise Unreadable("The gradient of the last layer is zero or not finite: it shows no features.")
    return names[-1], weight, bias


def _positive(obs: Observation, name: str, rng: Generator) -> bool:
    """Whether the layer is fed no negative number, on textures."""
    pictures = textures(TEXTURES, obs.template.private, rng).clamp(*obs.bounds)
    return all(
        float(features_of(obs.net, name, obs.template.at(picture, obs.template.label[:1])).min()) >= 0 for picture in pictures.split(1)
    )
