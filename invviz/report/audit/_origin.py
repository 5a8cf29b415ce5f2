"""Where an audit came from: the call that computes it again, and whose weights the net had."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ...core.errors import InvvizError

if TYPE_CHECKING:
    from ._audit import Audit
    from ._text import TextAudit

A = TypeVar("A", "Audit", "TextAudit")

OF_MODULE = "those of the module that was handed over"
LONGEST = 600  # characters of an argument that are written out


def call_of(function: Callable[..., Any], given: Mapping[str, Any], words: Mapping[str, Any], first: Sequence[str]) -> str:
    """The call as Python text: what is live by name, and every setting that was not its default.

    Args:
        function: that was called.
        given: its settings as they came.
        words: what is written of them, where that is something else; None: the setting's own name.
        first: arguments by their place.
    """
    defaults = {name: one.default for name, one in inspect.signature(function).parameters.items()}
    said = list(first)
    for name, value in given.items():
        if value is defaults[name] or (isinstance(value, (str, int, float)) and value == defaults[name]):
            continue
        written = words.get(name, value)
        text = name if written is None else str(written) if name == "loss" else repr(written)
        said.append(f"{name}={text if len(text) <= LONGEST else name}")
    return f"invviz.{function.__name__}({', '.join(said)})"


def check_asked(seconds: float | None, within: float | None, first: object, what: str) -> None:
    """Times, and the number of the first record (`what` it is called).

    Raises:
        InvvizError: one is not allowed; says what is.
    """
    if not all(one is None or one > 0 for one in (seconds, within)):
        raise InvvizError(f"seconds={seconds}, within={within}; allowed: numbers above 0, and None.")
    if not (isinstance(first, int) and first >= 0):
        raise InvvizError(f"first={first!r}; allowed: a whole number from 0 on, the first {what}'s in its file.")


def named(loss: Any) -> str:
    """A loss in words; None is cross-entropy."""
    return "cross-entropy" if loss is None else getattr(loss, "__name__", type(loss).__name__)


def shown_bounds(found: Mapping[str, Any]) -> Any:
    """Bounds by input as they are written in a call: one input's are not named."""
    ends = {name: tuple(pair) for name, pair in found.items()}
    return next(iter(ends.values())) if len(ends) == 1 else ends


def came_from(found: A, weights: str, note: str = "", call: str = "", files: Sequence[Mapping[str, str]] = ()) -> A:
    """The same audit, which says where it came from.

    Args:
        found: as it was computed.
        weights: whose, in words.
        note: what a reader has to know of them.
        call: that computes it again, where it was not made from Python.
        files: each with option, name and sha256.
    """
    asked = {**found.asked, "weights": weights, "call": call or found.asked["call"], "files": [dict(one) for one in files]}
    findings = dataclasses.replace(found.findings, notes=(note, *found.findings.notes)) if note else found.findings
    return dataclasses.replace(found, asked=asked, findings=findings)
