"""A checked net as a PyTorch module, under the names that it was written with."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ...core.lazy import torch
from ...core.rng import derive
from ._kinds import KINDS
from ._read import Architecture, Layer

if TYPE_CHECKING:
    from torch import Tensor, nn


def build(net: Architecture, seed: int) -> nn.Module:
    """The module with fresh weights; the same seed gives the same weights, and the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "weights"))
        return _module(net.whole)


def _module(layer: Layer) -> nn.Module:
    nn = torch.nn
    if layer.kind == "sequential":
        found = nn.Sequential()
        for one in layer.inner:
            found.add_module(one.name, _module(one))
        return found
    if layer.kind == "residual":
        return _classes()["residual"](layer)
    if layer.kind == "permute":
        return _classes()["permute"](layer.knobs["order"])
    kind = KINDS[layer.kind]
    knobs = {key: value for key, value in layer.knobs.items() if key not in ("shape", "normalized_shape")}
    return getattr(nn, kind.module)(**{**knobs, **kind.given(layer.knobs, layer.given)})


@functools.cache
def _classes() -> dict[str, Any]:
    """Modules that torch.nn does not have; made here, because a module-level class would import torch."""

    class Residual(torch.nn.Module):
        def __init__(self, layer: Layer) -> None:
            super().__init__()
            self.order = [one.name for one in layer.inner]
            self.beside = layer.shortcut.name if layer.shortcut else ""
            for one in (*layer.inner, *([layer.shortcut] if layer.shortcut else [])):
                self.add_module(one.name, _module(one))

        def forward(self, given: Tensor) -> Tensor:
            made = given
            for name in self.order:
                made = self.get_submodule(name)(made)
            return made + (self.get_submodule(self.beside)(given) if self.beside else given)

    class Permute(torch.nn.Module):
        def __init__(self, order: tuple[int, ...]) -> None:
            super().__init__()
            self.order = (0, *(k + 1 for k in order))

        def forward(self, given: Tensor) -> Tensor:
            return given.permute(self.order)

    return {"residual": Residual, "permute": Permute}
