"""Components: frozen dataclasses of knobs, and the one text form in which they are written and read."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import functools
import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from .errors import KnobError, TextError
from .figures import number
from .modality import Modality

MAX_TEXT = 4_000  # characters; ast is not fed more than that
NAMED = re.compile(r"\s*([A-Za-z]\w*)\s*\(")
MAX_WORDS = 100  # characters of a knob that takes any text
SHOWN = 80  # characters of a wrong value that a message repeats
Value = bool | int | float | str
C = TypeVar("C", bound="Component")


@dataclasses.dataclass(frozen=True)
class Knob:
    """One hyper-parameter: its default, help, range and unit.

    `late` marks one that came to a component when results of it were stored already: at its default it stays out of the full text, too, so
    that those results keep their keys. Its default must be what was computed before it came.
    """

    name: str
    default: Value
    help: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    choices: tuple[Value, ...] = ()
    log: bool = False
    late: bool = False

    @property
    def range(self) -> str:
        """The allowed values, in words."""
        if self.choices:
            return "one of " + ", ".join(map(str, self.choices))
        if isinstance(self.default, bool):
            return "True or False"
        if isinstance(self.default, str):
            return f"a text of at most {MAX_WORDS} printable characters"
        return f"{_number(self.low, '-infinity')} to {_number(self.high, 'infinity')}{' ' + self.unit if self.unit else ''}"

    def read(self, value: object) -> Value:
        """Check a value and give it the knob's type.

        Raises:
            KnobError: wrong kind, not finite, out of range, not among the choices; states the range.
        """
        good = _cast(value, type(self.default))
        if good is None:
            kind = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}[type(self.default)]
            raise KnobError(f"{self.name}={shown(value)}: expected {kind}, allowed: {self.range}.")
        if self.choices and good not in self.choices:
            raise KnobError(f"{self.name}={shown(value)} is not known; allowed: {self.range}.")
        if isinstance(good, str) and not (self.choices or (len(good) <= MAX_WORDS and good.isprintable())):
            raise KnobError(f"{self.name}={shown(value)} cannot be kept; allowed: {self.range}.")
        if isinstance(good, (int, float)) and not isinstance(good, bool):
            low = -math.inf if self.low is None else self.low
            high = math.inf if self.high is None else self.high
            if not low <= good <= high:
                raise KnobError(f"{self.name}={shown(value)} is out of range; allowed: {self.range}.")
        return good

    def written(self, value: object) -> str:
        """A value as the text form has it; equal ones are written alike, whatever their type (1 and 1.0 of a knob of fractions)."""
        good = _cast(value, type(self.default))
        return repr(value if good is None else good)


def _number(value: float | None, absent: str) -> str:
    if value is None:
        return absent
    return f"{int(value):,}" if float(value).is_integer() else number(value, 6)


def _cast(value: object, kind: type) -> Value | None:
    """The value as `kind`, or None where that would change its meaning."""
    if kind is bool or isinstance(value, bool):
        return value if kind is bool and isinstance(value, bool) else None
    if kind is str:
        return value if isinstance(value, str) else None
    if not isinstance(value, (int, float)) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if kind is int:
        return int(value) if int(value) == value else None
    try:
        return float(value) + 0.0  # -0.0 is 0.0, so that equal values are written alike
    except OverflowError:  # a whole number beyond the largest float
        return None


def shown(value: object, most: int = SHOWN) -> str:
    """A wrong value as a message repeats it: cut where it is long, and never itself the reason of an error.

    Example:
        >>> shown("a" * 100, 10), shown(16**4000)
        ("'aaaaaa...", 'a number of thousands of digits')
    """
    try:
        text = repr(value)
    except ValueError:  # Python does not write whole numbers of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def knob(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    choices: tuple[Value, ...] = (),
    log: bool = False,
    late: bool = False,
) -> Any:
    """Declare one hyper-parameter of a component, with all that a form, a docs table and a check need."""
    facts = {"help": help, "low": low, "high": high, "unit": unit, "choices": choices, "log": log, "late": late}
    return dataclasses.field(default=default, metadata=facts)


@dataclasses.dataclass(frozen=True)
class Component:
    """A part of a scenario. Its fields are its knobs; facts about it are class attributes."""

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    paper: ClassVar[str] = ""  # key in docs/references.bib; empty where there is no paper to cite
    modalities: ClassVar[tuple[str, ...]] = ()  # kinds of samples that it is made for; empty: any

    @classmethod
    def short_title(cls) -> str:
        """The title without what stands in brackets."""
        return cls.title.split(" (")[0]

    @classmethod
    def takes(cls, modality: str) -> bool:
        """Whether it is made for samples of this kind."""
        return not cls.modalities or modality in cls.modalities

    @classmethod
    def made_for(cls, kind: Modality) -> bool:
        """The same of what works on the samples' own numbers: what names no kind takes all that are continuous."""
        return cls.takes(kind.name) and (not kind.discrete or kind.name in cls.modalities)

    @classmethod
    def first_line(cls) -> str:
        """What it is, in one sentence: the first line of its docstring."""
        return (cls.__doc__ or "").strip().split("\n")[0]

    @classmethod
    @functools.lru_cache(maxsize=1_000)  # they never change, and everything asks for them: texts, keys, forms, rules
    def knobs(cls) -> tuple[Knob, ...]:
        """The knobs in the order of their declaration."""
        return tuple(Knob(f.name, f.default, **f.metadata) for f in dataclasses.fields(cls) if f.metadata)  # type: ignore[arg-type]

    def values(self) -> dict[str, Value]:
        """Knob values by name."""
        return {k.name: getattr(self, k.name) for k in self.knobs()}

    def text(self, full: bool = False, without: Collection[str] = ()) -> str:
        """`name(knob=value)`, with defaults left out unless `full`, those of late knobs always, and knobs in `without` whatever they are.

        Example:
            >>> from invviz.defenses import DEFENSES
            >>> DEFENSES["gaussian_noise"](sigma=0.5).text()
            'gaussian_noise(sigma=0.5)'
        """
        values = [(k, getattr(self, k.name)) for k in self.knobs() if k.name not in without]
        named = [f"{k.name}={k.written(value)}" for k, value in values if (full and not k.late) or value != k.default]
        return f"{self.name}({','.join(named)})" if named else self.name

    def replace(self, /, **changes: object) -> Any:
        """The same component with some knobs changed, each checked against its range."""
        known = {k.name: k for k in self.knobs()}
        for key in changes:
            if key not in known:
                raise TextError(unknown("knob", key, known, f" of {self.name}"))
        try:
            return dataclasses.replace(self, **{k: known[k].read(v) for k, v in changes.items()})  # type: ignore[arg-type]
        except KnobError as err:
            raise KnobError(f"{self.name}: {err}") from None


def parse_component(text: str, table: Mapping[str, type[C]], kind: str) -> C:
    """Read `name` or `name(knob=value, ...)`; values are literals, nothing is evaluated.

    Args:
        text: at most 4,000 characters.
        table: the registry of that kind.
        kind: "dataset", "model", ...; used in messages.

    Returns:
        The component with checked knobs.

    Raises:
        TextError: unreadable text, unknown name (the known ones are listed), unknown knob.
        KnobError: a knob out of its range.
    """
    try:
        name, values = _parse_call(text)
    except TextError as err:
        called = NAMED.match(text[:MAX_TEXT])
        if called is None or len(text) > MAX_TEXT:
            raise
        if called[1] not in table:
            raise TextError(unknown(kind, called[1], table)) from err
        knobs = ", ".join(k.name for k in table[called[1]].knobs()) or "none"
        raise TextError(f"{err} Knobs of {called[1]}, each written as name=value: {knobs}.") from err
    if name not in table:
        raise TextError(unknown(kind, name, table))
    return table[name]().replace(**values)


def _parse_call(text: str) -> tuple[str, dict[str, object]]:
    if len(text) > MAX_TEXT:
        raise TextError(f"a text of {len(text):,} characters is too long; at most {MAX_TEXT:,} are read.")
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return node.id, {}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
            given = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
            if len(given) == len(node.keywords):  # neither ** nor a knob written twice
                return node.func.id, given
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        pass
    raise TextError(f"cannot read {shown(text)}; write a name with knobs, as in gaussian_noise(sigma=0.01).")


def unknown(kind: str, name: str, known: Iterable[str], tail: str = "") -> str:
    """What to say of a name that is none of those that are known, with the one that was perhaps meant."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"unknown {kind} {shown(name)}{tail};{hint} known: {', '.join(known) or 'none'}."
