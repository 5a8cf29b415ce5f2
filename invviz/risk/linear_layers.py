"""The Gram matrix of a gradient's fully connected layers in closed form: the number of parameters plays no part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.errors import Cancelled
from ..core.gradient import gradient
from ..core.lazy import torch
from ..core.types import Batch, Net

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

AT_ONCE = 64  # tangents pushed through the net together
SAME = 1e-3  # two ways to one gradient differ by rounding, of a kink's too; by a use of its own a weight's moves by more
BLOCK = 512  # rows of a symmetric product that are computed together


class _NoClosedForm(Exception):
    """The net uses a layer in a way for which the outer products below do not hold."""


def linear_gram(net: Net, batch: Batch, least: float, progress: Callable[[int, int], bool] | None = None) -> tuple[set[str], Tensor | None]:
    """J^T J of the gradient's entries that belong to fully connected layers, shape (n, n). Source: [D], theory section 3.

    With inputs a_b and back-propagated errors d_b of sample b, grad W = sum_b d_b a_b^T, so a change of the picture moves it by
    sum_b (D_b a_b^T + d_b A_b^T), D and A being the derivatives of d and a; inner products of two such changes need the small matrices alone.

    Args:
        net: the net.
        batch: x, in the precision that is wanted.
        least: share of all parameters in such layers below which nothing is computed.
        progress: called with (done, total) tangents; answering False cancels.

    Returns:
        Names of the parameters that are covered, and the matrix; None where they are too few or the net's shape does not allow it.
    """
    layers = {name: m for name, m in net.module.named_modules() if isinstance(m, torch.nn.Linear)}
    names = {f"{layer}.{p}" for layer, m in layers.items() for p, _ in m.named_parameters()}
    if not layers or not names <= set(net.params):  # none, or weights that two layers share
        return names, None
    if sum(net.params[name].numel() for name in names) < least * net.num_params:
        return names, None
    shape, point = batch.private.shape, batch.private.flatten()

    def taps(x: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        return _errors_and_inputs(net, batch.at(x.view(shape)), layers)

    try:
        values = taps(point)
    except _NoClosedForm:
        return names, None
    if not _alone(net, batch, layers, values):
        return names, None
    push = torch.func.vmap(lambda v: torch.func.jvp(taps, (point,), (v,))[1])
    units = torch.eye(len(point), dtype=point.dtype, device=point.device).split(AT_ONCE)
    parts = []
    for place, some in enumerate(units, 1):
        parts.append(push(some))
        if progress is not None and not progress(min(place * AT_ONCE, len(point)), len(point)):
            raise Cancelled("Stopped: the spectrum was not finished.")
    gram = point.new_zeros(len(point), len(point))
    for name, (error, entering) in values.items():
        moved_error, moved_input = (torch.cat([part[name][k] for part in parts]) for k in (0, 1))
        gram += _layer(error, entering, moved_error, moved_input, layers[name].bias is not None)
    return names, gram


def _alone(net: Net, batch: Batch, layers: dict[str, nn.Linear], values: dict[str, tuple[Tensor, Tensor]]) -> bool:
    """Whether the layers' weights are used by these layers and nowhere else: their gradients are then the outer products."""
    whole = gradient(net, net.params, batch)
    for name, (error, entering) in values.items():
        made = {"weight": error.T @ entering, **({"bias": error.sum(0)} if layers[name].bias is not None else {})}
        for key, value in made.items():
            true = whole.get(f"{name}.{key}")  # none where the weight is made of other parameters
            if true is None or float((true - value).norm()) > SAME * float(true.norm()):
                return False
    return True


def _errors_and_inputs(net: Net, batch: Batch, layers: dict[str, nn.Linear]) -> dict[str, tuple[Tensor, Tensor]]:
    """Per layer the derivative of the mean loss by its output and its input, each (b, features)."""
    entering: dict[str, Tensor] = {}

    def tap(name: str, offset: Tensor):
        def hook(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> Tensor:
            if name in entering or given[0].ndim != 2:  # several places: grad W is a sum over them
                raise _NoClosedForm
            entering[name] = given[0]
            return out + offset

        return hook

    def loss(offsets: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        entering.clear()
        hooks = [layer.register_forward_hook(tap(name, offsets[name])) for name, layer in layers.items()]
        try:
            value = net.loss(net.params, batch)
            if len(entering) < len(layers):  # one that plays no part
                raise _NoClosedForm
            return value, dict(entering)
        finally:
            for hook in hooks:
                hook.remove()

    offsets = {name: batch.private.new_zeros(len(batch.private), layer.out_features) for name, layer in layers.items()}
    errors, inputs = torch.func.grad(loss, has_aux=True)(offsets)
    return {name: (errors[name], inputs[name]) for name in layers}


def _layer(d: Tensor, a: Tensor, moved_d: Tensor, moved_a: Tensor, bias: bool) -> Tensor:
    """Inner products of the moves of grad W (and grad b) for all pairs of tangents, (n, n); d (b, out), a (b, in), moved (n, b, ...)."""

    def pairs(moved: Tensor, weights: Tensor) -> Tensor:
        return _symmetric(moved.flatten(1), torch.einsum("bc,nco->nbo", weights, moved).flatten(1))

    gram = pairs(moved_d, a @ a.T) + pairs(moved_a, d @ d.T)
    mixed = torch.einsum("nbo,co->nbc", moved_d, d).flatten(1) @ torch.einsum("bi,nci->nbc", a, moved_a).flatten(1).T
    if bias:
        gram = gram + _symmetric(moved_d.sum(1), moved_d.sum(1))
    return gram + mixed + mixed.T


def _symmetric(left: Tensor, right: Tensor) -> Tensor:
    """The product left right^T where it is known to be symmetric: its lower blocks are computed, the upper ones mirrored."""
    out = left.new_empty(len(left), len(left))
    for start in range(0, len(left), BLOCK):
        stop = min(start + BLOCK, len(left))
        out[start:stop, :stop] = left[start:stop] @ right[:stop].T
        out[:start, start:stop] = out[start:stop, :start].T
    return out
