"""What torch asks before it adds a tangent to one that is zero: the shape of the sum, told without its reference code.

In forward mode every constant has a zero tangent, so a Jacobian's product of a small net asks hundreds of times; torch answers in Python, 75 us each, where the sum
itself takes one. What is not plain goes to torch's own code, and numbers are none of this file's business: it hands out shapes.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def _shape_of(reference: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A stand-in for torch's answer where both are plain tensors of floating-point numbers in their usual order."""

    def told(one: Any, other: Any, **scale: Any) -> Tensor:
        if not (_plain(one) and _plain(other) and (one.dtype is other.dtype or bool(one.dim()) is not bool(other.dim()))):
            return reference(one, other, **scale)
        shape = one.shape if one.shape == other.shape else _together(one.shape, other.shape)
        return torch.empty(
            shape, dtype=one.dtype if one.dim() else other.dtype, device="meta"
        )  # a single number takes the other's precision

    return told


@functools.lru_cache(maxsize=4096)  # the same few of a net, again and again; torch takes 50 us for each
def _together(one: torch.Size, other: torch.Size) -> torch.Size:
    return torch.broadcast_shapes(one, other)


def _plain(tensor: Any) -> bool:
    return type(tensor) is Tensor and tensor.is_meta and tensor.is_floating_point() and tensor.is_contiguous()


@functools.cache
def tell_quickly() -> torch.library.Library:
    """Put the stand-ins in place, once a process. A torch that lets nobody do so keeps its own answers, which are the same."""
    from torch import _refs

    library = torch.library.Library("aten", "IMPL", "Meta")
    with contextlib.suppress(RuntimeError):
        library.impl("add.Tensor", _shape_of(_refs.add))
        library.impl("sub.Tensor", _shape_of(_refs.sub))
        library.impl("mul.Tensor", _shape_of(_refs.mul))
    return library
