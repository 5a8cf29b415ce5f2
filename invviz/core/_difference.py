"""A gradient whose derivative by the picture is a finite difference. Imports torch: `gradient` imports it when it is asked for."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch
from torch import nn

from .tree import map_tree, norm
from .types import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from .types import Net, Tree


def differenced(net: Net, params: Tree, batch: Batch, step: float) -> Tree:
    """The gradient by the parameters, differentiable with respect to the picture; `step` as in `gradient.finite_differences`."""
    return dict(zip(params, Difference.apply(net, params, batch, step, batch.private), strict=True))


class Difference(torch.autograd.Function):
    """The gradient by the parameters, whose own derivative by the picture is a forward difference."""

    @staticmethod
    def forward(ctx, net: Net, params: Tree, batch: Batch, step: float, image: Tensor) -> tuple[Tensor, ...]:
        """The gradient, and beside it what the difference is taken from."""
        ctx.net, ctx.params, ctx.batch, ctx.step, ctx.kinks = net, params, batch.at(batch.private.detach()), step, Kinks(net.module)
        with ctx.kinks.recorded():
            by_image, *found = _first(net, params, batch.at(image))
        ctx.save_for_backward(image, by_image)
        return tuple(found)

    @staticmethod
    def backward(ctx, *slopes: Tensor):
        """Slopes along the weights, taken to the picture."""
        image, by_image = ctx.saved_tensors
        along = dict(zip(ctx.params, slopes, strict=True))
        length = float(norm(along))
        if not 0 < length < float("inf"):
            return None, None, None, None, torch.full_like(image, 0.0 if length == 0 else float("nan"))
        step = ctx.step / length
        moved = map_tree(lambda p, v: torch.add(p, v, alpha=step), ctx.params, along)
        with ctx.kinks.kept():
            ahead = _first(ctx.net, moved, ctx.batch.at(image), by_params=False)[0]
        return None, None, None, None, (ahead - by_image) / step


class Kinks:
    """On which side of their kinks the units of a net were, so that a moved net is kept on the same side.

    A second derivative sees the linear piece that a ReLU net is on and no kinks. A difference that steps over kinks says something else: on a deep net the two had next to
    nothing in common (cosine 0.06 at any step; 1.00 with the pieces kept).
    """

    def __init__(self, module: nn.Module) -> None:
        self._modules = [m for m in module.modules() if isinstance(m, (nn.ReLU, nn.LeakyReLU, nn.MaxPool2d))]
        self._sides: dict[nn.Module, list[Tensor]] = {}

    def recorded(self) -> contextlib.AbstractContextManager[None]:
        """Inside, what passes through the net is remembered."""
        self._sides = {m: [] for m in self._modules}
        return self._hooked(lambda m, given, out: self._sides[m].append(_side(m, given[0].detach())))

    def kept(self) -> contextlib.AbstractContextManager[None]:
        """Inside, every unit stays on the side that was remembered, call by call."""
        left = {m: iter(sides) for m, sides in self._sides.items()}
        return self._hooked(lambda m, given, out: _on(m, given[0], next(left[m])))

    @contextlib.contextmanager
    def _hooked(self, hook: Callable) -> Iterator[None]:
        handles = [m.register_forward_hook(hook) for m in self._modules]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _side(module: nn.Module, given: Tensor) -> Tensor:
    """Slopes of an activation; places of a pooling's greatest entries."""
    if isinstance(module, nn.MaxPool2d):
        how = {"stride": module.stride, "padding": module.padding, "dilation": module.dilation, "ceil_mode": module.ceil_mode}
        return nn.functional.max_pool2d(given, module.kernel_size, **how, return_indices=True)[1]
    slope = module.negative_slope if isinstance(module, nn.LeakyReLU) else 0.0
    return torch.where(given > 0, 1.0, slope).to(given.dtype)


def _on(module: nn.Module, given: Tensor, side: Tensor) -> Tensor:
    """What the module makes of its input on the side that is given."""
    if isinstance(module, nn.MaxPool2d):
        return given.flatten(-2).gather(-1, side.flatten(-2)).view(side.shape)
    return given * side


def _first(net: Net, params: Tree, batch: Batch, by_params: bool = True) -> tuple[Tensor, ...]:
    """First derivatives of the loss by the picture, then by the parameters."""
    with torch.enable_grad():
        image = batch.private.detach().requires_grad_()
        at = map_tree(lambda p: p.detach().requires_grad_(by_params), params)
        asked = [image, *(at.values() if by_params else ())]
        return torch.autograd.grad(net.loss(at, batch.at(image)), asked, materialize_grads=True)
