"""Undoing what a layer without parameters did to every number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

EDGE = 1e-15  # nearest that an output may come to the ends of a bounded activation's range


def undone(module: nn.Module, a: Tensor) -> Tensor | None:
    """The input of an activation that is one to one (or ReLU, where its output is above 0), from its output; None for anything else."""
    nn = torch.nn
    if isinstance(module, nn.Sigmoid):
        return torch.logit(a.clamp(EDGE, 1 - EDGE))
    if isinstance(module, nn.Tanh):
        return torch.atanh(a.clamp(EDGE - 1, 1 - EDGE))
    if isinstance(module, nn.LeakyReLU):
        return torch.where(a > 0, a, a / module.negative_slope)
    if isinstance(module, nn.ELU):
        return torch.where(a > 0, a, torch.log1p((a / module.alpha).clamp(EDGE - 1, 0)))
    if isinstance(module, nn.Softplus) and module.beta == 1:
        return a + torch.log(-torch.expm1(-a.clamp(min=EDGE)))
    return a if isinstance(module, nn.ReLU) else None


def affine(module: nn.Module, shape: tuple[int, ...], like: Tensor) -> tuple[float, float] | None:
    """Shift and factor of a layer that does the same affine thing to every number, found by trying; None if it does something else."""
    if any(True for _ in module.parameters()):
        return None
    tries = [module(torch.full(shape, at).to(like)) for at in (0.0, 1.0, -2.0)]
    if tries[0].shape != shape:
        return None
    shift, factor = float(tries[0].flatten()[0]), float((tries[1] - tries[0]).flatten()[0])
    right = all(torch.allclose(out, torch.full_like(out, shift + factor * at)) for out, at in zip(tries, (0.0, 1.0, -2.0), strict=True))
    return (shift, factor) if right and factor else None
