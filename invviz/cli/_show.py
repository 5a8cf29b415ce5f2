"""What the verbs print: JSON on stdout, progress on stderr."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..core import plain
from ..core.figures import number
from ..core.remaining import ENDS_EARLY, FOLLOWED, Remaining, in_words

if TYPE_CHECKING:
    from ..engine.results import Event

LINE_EVERY = 5.0  # seconds between lines where stderr is a file
REDRAW_EVERY = 0.1


def to_json(value: Mapping[str, object]) -> str:
    """JSON that every reader takes, a line for each key: infinite numbers as "inf" and "-inf", unknown ones as null."""
    lines = [f"  {json.dumps(key)}: {plain.to_json(v)}" for key, v in value.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def numbers(values: list[float] | None, digits: int, unit: str = "") -> str:
    """A list of scores on one line."""
    if values is None:
        return "not computed (optional package or weights are absent)"
    return ", ".join("?" if math.isnan(v) else f"{v:.{digits}f}" for v in values) + (f" {unit}" if unit else "")


class ProgressLine:
    """Progress on stderr: one line that is redrawn on a terminal, a plain line now and then elsewhere."""

    def __init__(self) -> None:
        self._tty = sys.stderr.isatty()
        self._last = 0.0 if self._tty else time.monotonic()  # what is over quickly needs no lines
        self._width = 0
        self._remaining = Remaining()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            print("\r" + " " * self._width + "\r", end="", file=sys.stderr, flush=True)

    def report(self, event: Event) -> bool:
        """Show one report; never asks to stop."""
        more = "" if event.loss is None else f", loss {number(event.loss)}"
        more += "" if event.psnr is None else f", PSNR {event.psnr:.1f} dB"
        left = self._remaining.told(event.phase, event.done, event.total, time.monotonic())
        more += f", {event.seconds:.0f} s"
        if left is not None and left >= 1:
            more += f", {'at most' if event.phase in ENDS_EARLY else 'about'} {in_words(left)} left{' of this part' * (event.phase in FOLLOWED)}"
        self.show(event.done, event.total, f"{event.phase} {event.done:,}/{event.total:,}{more}")
        return True

    def show(self, done: int, total: int | None, words: str) -> None:
        """Show some words, and a bar where the total is known and this is a terminal."""
        now = time.monotonic()
        if now - self._last < (REDRAW_EVERY if self._tty else LINE_EVERY):
            return
        self._last = now
        if not self._tty:
            print(words, file=sys.stderr, flush=True)
            return
        filled = round(20 * done / total) if total else 0
        line = f"[{'#' * filled:<20}] {words}" if total else words
        print("\r" + line.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = len(line)
