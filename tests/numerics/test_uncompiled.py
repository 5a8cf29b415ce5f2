"""Stand-ins for torch's compiler: their answers are torch's own, and whatever else is asked of them is asked of the compiler itself."""

from __future__ import annotations

import itertools
import sys
import types

import pytest
import torch

from invviz.core import _uncompiled
from invviz.core._uncompiled import COMPILER, PLAIN, SHAPES, _loaded, _plain, _StandIn
from invviz.core.lazy import torch as lazily

SIZES = [torch.Size(()), (2,), [2], (2, 3), torch.Size((2, 3)), (1, 3)]
ARGUMENTS = {  # plain ones, and some that are not taken for plain
    "sym_eq": [*itertools.product(SIZES, SIZES), (2, 2), (2, 3), ((2, (3,)), (2, (3,)))],
    "is_nested_int": [(0,), (3,), (2.5,), (True,)],
    **dict.fromkeys(("sym_and", "sym_or"), (*itertools.product((True, False), repeat=3), (True,), (False,), (1, True))),
}


@pytest.mark.parametrize("name", [n for n, (plain, _) in PLAIN.items() if plain is not _uncompiled._never])
def test_what_holds_of_plain_numbers_is_what_torch_says(name):
    assert lazily.float32 is torch.float32  # as soon as invviz has used torch
    own = getattr(_uncompiled._load(SHAPES), name)
    asked = ARGUMENTS.get(name, [(True,), (False,)])
    assert any(PLAIN[name][0](*a) for a in asked)
    for arguments in asked:
        answer = _plain(name, *PLAIN[name])(*arguments)
        assert answer == own(*arguments) and type(answer) is type(own(*arguments)), arguments


def test_symbols_are_torchs_business():
    shapes = _uncompiled._load(SHAPES)
    unknown = shapes.ShapeEnv().create_unbacked_symint()
    assert _plain("guard_or_true", *PLAIN["guard_or_true"])(unknown == 3) is True
    assert _plain("guard_or_false", *PLAIN["guard_or_false"])(unknown == 3) is False
    with pytest.raises(AssertionError, match="bool"):
        _plain("expect_true", *PLAIN["expect_true"])(1)


def test_what_it_does_not_know_it_asks_the_module(monkeypatch):
    import colorsys

    stands_in = _StandIn("colorsys", rgb_to_hsv="known")
    monkeypatch.setitem(sys.modules, "colorsys", stands_in)
    assert not hasattr(stands_in, "__wrapped__") and stands_in.rgb_to_hsv == "known" and _loaded("colorsys") is None
    assert stands_in.hsv_to_rgb(0, 0, 1) == colorsys.hsv_to_rgb(0, 0, 1)
    assert sys.modules["colorsys"] is _loaded("colorsys") is not stands_in


def test_a_compiler_that_comes_later_is_told_and_asked(monkeypatch):
    heard = []
    real = types.SimpleNamespace(
        disable=lambda fn, *how, **more: heard.append(fn) or (lambda v: -fn(v)),
        graph_break=lambda: heard.append("break"),
        compiled_autograd=types.SimpleNamespace(_disable=lambda: heard.append("off")),
    )
    twice = lambda v: 2 * v  # noqa: E731
    monkeypatch.setitem(sys.modules, COMPILER, _StandIn(COMPILER))
    kept_out = _uncompiled._disable(twice, True, wrapping=False)
    assert kept_out(3) == 6 and _uncompiled._graph_break() is None and not heard
    with _uncompiled._Autograd._disable():
        pass
    monkeypatch.setitem(sys.modules, COMPILER, real)
    assert kept_out(3) == kept_out(3) == -6 and heard == [twice]
    _uncompiled._graph_break(), _uncompiled._Autograd._disable()
    assert heard == [twice, "break", "off"] and _uncompiled._disable(twice)(1) == -2
