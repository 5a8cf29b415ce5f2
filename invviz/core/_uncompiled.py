"""Stand-ins for two parts of torch's compiler, until somebody compiles: loading them takes a second and 100 MB, and the first gradient of a process would.

`torch.func`, `torch.autograd` and the optimisers ask them only to end a piece of a graph, to keep out of a function, to be off meanwhile, or what holds of plain numbers.
As long as they are not even loaded there is nothing to end, to keep out or to switch off, and what holds of plain numbers is plain. Whatever else is asked of one loads it,
and from then on it answers everything itself.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

COMPILER, SHAPES = "torch._dynamo", "torch.fx.experimental.symbolic_shapes"
_loading = threading.RLock()


class _StandIn(types.ModuleType):
    """What stands in `sys.modules` in a module's place; `answers` are given without loading it."""

    def __init__(self, name: str, **answers: Any) -> None:
        super().__init__(name)
        self.__spec__ = importlib.util.find_spec(name)
        self.__dict__.update(answers)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and (name != "__path__" or self.__name__ == SHAPES):  # doctest and inspect probe dunders
            raise AttributeError(name)  # but who imports a part of a package asks for its path
        return getattr(_load(self.__name__), name)


def _loaded(module: str) -> Any:
    """The module, if it was loaded meanwhile, else None."""
    found = sys.modules.get(module)
    return None if isinstance(found, _StandIn) else found


def _load(module: str) -> Any:
    with _loading:
        if isinstance(sys.modules.get(module), _StandIn):
            del sys.modules[module]
        return importlib.import_module(module)


class _Autograd:
    """The compiler's part for gradients."""

    @staticmethod
    def _disable() -> contextlib.AbstractContextManager[None]:
        real = _loaded(COMPILER)
        return contextlib.nullcontext() if real is None else real.compiled_autograd._disable()

    def __getattr__(self, name: str) -> Any:
        return getattr(_load(COMPILER).compiled_autograd, name)


def _graph_break(*args: Any, **kwargs: Any) -> None:
    real = _loaded(COMPILER)
    if real is not None:
        real.graph_break(*args, **kwargs)


def _disable(fn: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The function; a compiler that came meanwhile is told of it before it runs again."""
    if not isinstance(fn, types.FunctionType) or _loaded(COMPILER):
        return _load(COMPILER).disable(fn, *args, **kwargs)
    told = functools.cache(lambda: _load(COMPILER).disable(fn, *args, **kwargs))

    @functools.wraps(fn)
    def run(*a: Any, **k: Any) -> Any:
        return (fn if _loaded(COMPILER) is None else told())(*a, **k)

    return run


def _plain(name: str, holds: Callable[..., bool], answer: Callable[..., bool]) -> Callable[..., Any]:
    """The answer where its arguments are plain, else torch's own."""
    return lambda *args, **kwargs: answer(*args) if not kwargs and holds(*args) else getattr(_load(SHAPES), name)(*args, **kwargs)


def _truths(*args: Any) -> bool:
    return bool(args) and all(type(a) is bool for a in args)


def _truth(*args: Any) -> bool:
    return len(args) == 1 and type(args[0]) is bool


def _size(*args: Any) -> bool:
    return len(args) == 1 and type(args[0]) is int


def _sizes(*args: Any) -> bool:
    return len(args) == 2 and all(isinstance(a, (tuple, list)) and all(type(i) is int for i in a) for a in args)


def _never(*args: Any) -> bool:
    return False


PLAIN: dict[str, tuple[Callable[..., bool], Callable[..., bool]]] = {  # by name: of which arguments, and what
    **dict.fromkeys(("expect_true", "guard_or_false", "guard_or_true", "statically_known_true"), (_truth, lambda a: a)),
    "sym_and": (_truths, lambda *a: all(a)),
    "sym_or": (_truths, lambda *a: any(a)),
    "sym_eq": (_sizes, lambda x, y: tuple(x) == tuple(y)),
    "is_nested_int": (_size, lambda a: False),
    **dict.fromkeys(("has_guarding_hint", "guarding_hint_or_throw"), (_never, bool)),  # imported together with the others
}


@functools.cache
def leave_out() -> None:
    """Put the stand-ins in place, once a process, where the modules are not there already."""
    if COMPILER not in sys.modules:
        sys.modules[COMPILER] = _StandIn(COMPILER, compiled_autograd=_Autograd(), graph_break=_graph_break, disable=_disable)
    if SHAPES not in sys.modules:
        stands_in = _StandIn(SHAPES, **{name: _plain(name, *how) for name, how in PLAIN.items()})
        sys.modules[SHAPES] = stands_in
        package, _, last = SHAPES.rpartition(".")
        setattr(importlib.import_module(package), last, stands_in)
