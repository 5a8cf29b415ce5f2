"""What a gradient shows of the input of a linear layer, wherever in the net that layer lies."""

from __future__ import annotations

import contextlib
import dataclasses
from functools import partial
from typing import TYPE_CHECKING

from ..core.lazy import torch
from ._base import Unreadable
from ._matching import CLOSE

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from ..core.types import Batch, Net, Observation, Tree


class _Reached(Exception):
    """The layer was reached; what comes after it is not needed."""


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """The input of a linear layer, as the message shows it."""

    name: str  # of the layer
    value: Tensor  # (features,) in float64
    known: Tensor  # (features,), 1 where the message shows it, else 0
    noise: float  # standard deviation of a value, by what no input explains of the layer's gradient
    unexplained: float  # share of the layer's gradient (sum of squares) that no input explains

    @classmethod
    def of(cls, obs: Observation) -> Features:
        """Of the first linear layer with a bias that the picture meets: dL/dW = delta x^T and dL/db = delta (phong2018additively), by least squares over all rows.

        Raises:
            Unreadable: there is no such layer, or its gradient is zero, hidden or not finite.
        """
        message = obs.sent or obs.message
        names = [name for name in linear_layers(obs.net, obs.template) if {f"{name}.weight", f"{name}.bias"} <= set(message)]
        if not names:
            raise Unreadable("The net has no linear layer with a bias, or its gradient was not sent: nothing shows any features.")
        weight, bias = (message[f"{names[0]}.{part}"].double() for part in ("weight", "bias"))
        seen: Tree = obs.seen or {}
        sent, known = (
            seen.get(f"{names[0]}.{part}", torch.ones_like(leaf)).double() for part, leaf in (("weight", weight), ("bias", bias))
        )
        use = sent * (known * (bias != 0))[:, None]
        energy = (bias[:, None] ** 2 * use).sum(0)
        if not (torch.isfinite(weight).all() and torch.isfinite(bias).all() and float(energy.max()) > 0):
            raise Unreadable("The gradient of the first linear layer is zero or not finite: it shows no features.")
        value = (bias[:, None] * weight * use).sum(0) / energy.clamp(min=1e-300)
        left = ((weight - torch.outer(bias, value)).square() * use).sum()
        free = (use.sum() - len(value)).clamp(min=1)
        noise = float((left / free).sqrt() / energy.max().sqrt())
        return cls(names[0], value, (energy > 0).to(value), noise, float(left / (weight.square() * use).sum().clamp(min=1e-300)))

    @property
    def count(self) -> int:
        """How many features the message shows."""
        return int(self.known.sum())

    def misfit(self) -> Callable[[Tensor], Tensor]:
        """|f - h|^2 / |h|^2 over what is known, a scalar; 0 where all features agree."""
        size = (self.value.square() * self.known).sum().clamp(min=1e-300)
        return lambda made: ((made - self.value.to(made)).square() * self.known.to(made)).sum() / size.to(made)

    @property
    def disturbance(self) -> float:
        """About what the misfit of the true picture is."""
        return self.noise**2 * self.count / max(float((self.value.square() * self.known).sum()), 1e-300)


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """What a gradient shows of every sample of a batch."""

    features: tuple[Features, ...]
    labels: Tensor  # (b,)
    certain: bool = True  # nothing contradicts it
    about: str = ""  # how it was read, in words

    def note(self, pixels: int, whole: float) -> str:
        """Whether the features can determine pictures of `pixels` values, and whether the answer explains the `whole` gradient."""
        first = self.features[0]
        parts = [
            f"{first.name} shows {first.count:,} features{' of each sample' if len(self.features) > 1 else ''} of {pixels:,} pixel values"
        ]
        if first.count < pixels:
            parts[0] += ", too few to determine the picture"
        if self.about:
            parts.append(self.about)
        elif first.unexplained > CLOSE**2:
            parts.append(f"{first.unexplained:.1e} of that layer's gradient fits no features, so the message was altered")
        parts.append(f"the whole gradient of the answer differs by {whole:.1e} of its square")
        note = "; ".join(parts)
        return note[:1].upper() + note[1:] + "."


def linear_layers(net: Net, template: Batch) -> list[str]:
    """Names of the linear layers with a bias that take one row for one picture, in the order in which a picture meets them."""
    order: list[str] = []
    nn = torch.nn
    with contextlib.ExitStack() as hooks:
        for name, module in net.module.named_modules():
            if isinstance(module, nn.Linear) and module.bias is not None:
                hooks.callback(module.register_forward_pre_hook(partial(_note, order, name)).remove)
        with torch.no_grad():
            net.outputs(net.params, template.single(0))
    return order


def _note(order: list[str], name: str, layer: nn.Linear, inputs: tuple[Tensor, ...]) -> None:
    if inputs[0].numel() == layer.in_features:  # one row: of several tokens the gradient shows a mixture
        order.append(name)


def features_of(net: Net, name: str, batch: Batch) -> Tensor:
    """The input of a layer, shape (features,), for one picture; differentiable. The layers after it are not computed."""
    layer: nn.Module = net.module.get_submodule(name)
    caught: list[Tensor] = []

    def catch(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        caught.append(inputs[0])
        raise _Reached

    handle = layer.register_forward_pre_hook(catch)
    try:
        net.outputs(net.params, batch)
    except _Reached:
        pass
    finally:
        handle.remove()
    return caught[0].flatten()
