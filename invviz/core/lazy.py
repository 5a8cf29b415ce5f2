"""PyTorch, imported when it is first used: forms and pages read components without paying for it."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any


class _Lazy(ModuleType):
    """A module that is imported at its first attribute."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # doctest and inspect probe dunders; they must not trigger the import
            raise AttributeError(name)
        value = getattr(importlib.import_module(self.__name__), name)
        importlib.import_module("._zero_tangents", __package__).tell_quickly()
        importlib.import_module("._uncompiled", __package__).leave_out()
        setattr(self, name, value)  # the next time nothing is looked up: an attack's step asks a dozen times
        return value


if TYPE_CHECKING:
    import torch
else:
    torch = _Lazy("torch")

__all__ = ["torch"]
