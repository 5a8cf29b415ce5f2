"""What is made of the same numbers at every drawing is made once, and remembered within stated bounds.

Not in Streamlit's caches: those any browser can empty for all by a message (`clear_cache`), and every look at them hashes all that they are asked for.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import numpy as np

T = TypeVar("T")
FINGERPRINTS = 4_000  # of arrays that are remembered


class Memory(Generic[T]):
    """Remembers at most so many things by name, and at most so many bytes of them; what was not looked at for longest goes first."""

    def __init__(self, most: int, heaviest: int = 0, weigh: Callable[[T], int] = lambda thing: 0) -> None:
        self._most, self._heaviest, self._weigh = most, heaviest, weigh
        self._kept: dict[Hashable, tuple[T, int]] = {}
        self.weight = 0  # bytes of all that is remembered, as far as they are counted
        self._lock = threading.Lock()
        _memories.add(self)

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, name: Hashable, make: Callable[[], T]) -> T:
        """What has this name; made now where it is not remembered."""
        with self._lock:
            if name in self._kept:
                found = self._kept[name] = self._kept.pop(name)
                return found[0]
        made = make()  # outside of the lock: others need not wait, and two may make the same
        with self._lock:
            self._drop(name)
            self._kept[name] = made, self._weigh(made)
            self.weight += self._kept[name][1]
            while len(self._kept) > 1 and (len(self._kept) > self._most or self.weight > self._heaviest):
                self._drop(next(iter(self._kept)))
        return made

    def forget(self) -> None:
        """All of it."""
        with self._lock:
            self._kept.clear()
            self.weight = 0

    def _drop(self, name: Hashable) -> None:
        self.weight -= self._kept.pop(name, (None, 0))[1]


_memories: weakref.WeakSet[Memory[Any]] = weakref.WeakSet()


def forget() -> None:
    """Nothing is remembered any more, as after the start of a server."""
    for memory in list(_memories):
        memory.forget()


_prints: dict[int, tuple[weakref.ref[np.ndarray], bytes]] = {}


def fingerprint(array: np.ndarray) -> bytes:
    """Of an array's numbers, type and shape; taken once as long as the array lives, so nobody may write into it afterwards."""
    known = _prints.get(id(array))
    if known is not None and known[0]() is array:
        return known[1]
    whole = np.ascontiguousarray(array)
    found = hashlib.blake2b(whole.view(np.uint8).data, digest_size=16).digest() if whole.size else b""
    found += f"{array.dtype.str}{array.shape}".encode()
    if len(_prints) >= FINGERPRINTS:
        for name in [name for name, (there, _) in list(_prints.items()) if there() is None]:
            _prints.pop(name, None)
        if len(_prints) >= FINGERPRINTS:
            _prints.clear()
    _prints[id(array)] = weakref.ref(array), found
    return found
