"""The gradient of the loss with respect to the parameters, in the cheapest way that the place allows."""

from __future__ import annotations

import contextlib
import contextvars
from typing import TYPE_CHECKING

from .lazy import torch
from .tree import map_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from .types import Batch, Net, Tree

_STEP: contextvars.ContextVar[float] = contextvars.ContextVar("finite-difference step", default=0.0)


@contextlib.contextmanager
def finite_differences(step: float) -> Iterator[None]:
    """Inside, what a picture does to a gradient is told by two first derivatives instead of a second one.

    For a loss D of the gradient g(x) = dL/dtheta, dD/dx = d/de dL/dx(theta + e v) with v = dD/dg, so one more gradient by the picture, at weights moved along v, stands
    for the double backward pass. Good to a few digits: enough to descend, not to the end. [P] (pearlmutter1994fast; the trick is common in gradient inversion).

    Args:
        step: length of the move.
    """
    token = _STEP.set(step)
    try:
        yield
    finally:
        _STEP.reset(token)


def gradient(net: Net, params: Tree, batch: Batch) -> Tree:
    """The gradient of the mean loss with respect to the parameters; differentiable with respect to batch and parameters.

    The same numbers as `torch.func.grad(net.loss)`, which is used inside of transforms such as vmap and jvp. Outside of them plain autograd costs less, because nothing is
    wrapped: a third of a matching step on a small net (benchmarks/attacks.py).

    Args:
        net: module and loss.
        params: where the gradient is taken.
        batch: pictures and labels.
    """
    if torch._C._functorch.peek_interpreter_stack() is not None:  # type: ignore[reportAttributeAccessIssue]
        return torch.func.grad(net.loss)(dict(params), batch)
    watched = [batch.private, *batch.targets.values(), *params.values()]
    graph = torch.is_grad_enabled() and any(t.requires_grad for t in watched)
    if graph and _STEP.get() and not any(t.requires_grad for t in watched[1:]):
        from ._difference import differenced  # a class of torch's, which pages do without

        return differenced(net, params, batch, _STEP.get())
    with torch.enable_grad():
        at = map_tree(lambda p: p if graph and p.requires_grad else _leaf(p), params)
        found = torch.autograd.grad(net.loss(at, batch), list(at.values()), create_graph=graph, materialize_grads=True)
    return dict(zip(params, found, strict=True))


def _leaf(param: Tensor) -> Tensor:
    """The same numbers as a start of differentiation; a view, because `detach` would drop the tangents of forward mode."""
    return (param.detach() if param.requires_grad else param.view_as(param)).requires_grad_()
