"""The shape of a sum with a tangent that is zero: what torch's own reference code says, without calling it."""

from __future__ import annotations

import itertools

import pytest
import torch

from invviz.core import _zero_tangents
from invviz.core.lazy import torch as lazily

SHAPES = [(), (1,), (3,), (3, 1), (1, 3), (2, 3, 1), (2, 1, 3), (2, 3, 3), (4, 1, 3, 1), (0,), (1, 0), (2, 1, 1, 1)]
TYPES = [("float32", "float32"), ("float32", "float64"), ("float64", "float32"), ("int64", "float32"), ("bool", "bool")]


def told(operation, one, other):
    try:
        found = operation(one, other)
    except (RuntimeError, NotImplementedError):
        return "refused"
    steps = [step for step, size in zip(found.stride(), found.shape, strict=True) if size > 1]  # of a single one it means nothing
    return found.shape, found.dtype, steps if found.numel() else [], found.device


@pytest.mark.parametrize("name", ["add", "sub", "mul"])
def test_it_says_what_the_reference_says(name):
    assert lazily.float32 is torch.float32  # as soon as invviz has used torch
    for (one, other), (left, right) in itertools.product(itertools.product(SHAPES, SHAPES), TYPES):
        pair = torch.empty(one, dtype=getattr(torch, left), device="meta"), torch.empty(other, dtype=getattr(torch, right), device="meta")
        turned = [t.movedim(0, -1) if t.dim() > 1 else t for t in pair]
        for these in (pair, turned):
            assert told(getattr(torch, name), *these) == told(getattr(torch._refs, name), *these), (one, other, left, right)


def test_it_is_asked_in_forward_mode_and_numbers_are_exact(monkeypatch):
    asked, real = [], _zero_tangents._plain
    monkeypatch.setattr(_zero_tangents, "_plain", lambda tensor: asked.append(tensor) or real(tensor))
    layer = torch.nn.Linear(3, 2).double()
    x, v = torch.rand(2, 4, 3, dtype=torch.float64)
    assert torch.equal(torch.func.jvp(layer, (x,), (v,))[1], v @ layer.weight.T)
    assert asked
