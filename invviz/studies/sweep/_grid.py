"""Axes of a sweep: texts in, scenarios out."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from urllib.parse import unquote

import numpy as np

from ...core.component import C, Component, parse_component, shown
from ...core.errors import TextError
from ...defenses import DEFENSES
from ...scenario import KINDS, MAX_DEFENSES, PARTS, SETTINGS, Scenario, escaped, present

MOST = 20_000  # cells of one sweep
MOST_WRITTEN = 1_000_000  # characters of its axes, grids written out
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
LOG_GRID = re.compile(rf"({NUMBER})\.\.({NUMBER})/(\d+)")
WHOLE = re.compile(r"(?<![\d.eE+-])(-?\d+)\.\.(-?\d+)(?![\d.eE]|/)")
GRIDS = 10  # of one value
LONGEST = 80  # characters of a grid: no number that anything takes has more digits
LONG_NUMBER = re.compile(rf"\d{{{LONGEST + 1}}}")
FOREIGN = "#$`\\;<>|&!"  # in no part's values; a comment is skipped when a part is read, but not by a shell into which a sweep is pasted
UNFINISHED = re.compile(rf"{NUMBER}\.\.{NUMBER}")
FREE = [name for name in SETTINGS if name not in ("attacker", "upload")]  # both attackers are computed of every cell; uploads are private
HOW = "Write NAME=value,value: a part (defense=none,gaussian_noise(sigma=0.01..1/6)), a setting (seed=0..2) or a knob (train.alpha=0.1,1)."


@dataclasses.dataclass(frozen=True)
class Axis:
    """One thing that a sweep varies: a part, a setting or a knob of a part ("train.alpha"), and its values as texts."""

    name: str
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Axis:
        """Read `NAME=value,value`.

        A value may hold a grid: `0.01..1/6` stands for 6 numbers of equal ratio, `0..4` for the whole numbers from 0 to 4.

        Raises:
            TextError: not such a text, or an unknown name.

        Example:
            >>> Axis.parse("defense=none,gaussian_noise(sigma=0.01..1/3)").values
            ('none', 'gaussian_noise(sigma=0.01)', 'gaussian_noise(sigma=0.1)', 'gaussian_noise(sigma=1)')
        """
        name, equals, rest = text.strip().partition("=")
        if not equals or not rest.strip():
            raise TextError(f"cannot read the axis {shown(text)}. {HOW}")
        part = name.partition(".")[0]
        if name not in PARTS and name not in FREE and not ("." in name and part in PARTS):
            raise TextError(f"{shown(name)} cannot be varied; known: {', '.join([*PARTS, *FREE])}, and knobs as in train.alpha. {HOW}")
        if part in PARTS and (strange := next((letter for letter in rest if letter in FOREIGN or not letter.isprintable()), "")):
            raise TextError(f"the axis {shown(text)} holds {strange!r}, which no part takes. {HOW}")
        values = [one for value in split(rest, ",") for one in expanded(value.strip())]
        if not all(values):
            raise TextError(f"the axis {shown(text)} has an empty value. {HOW}")
        if name in SETTINGS:
            values = [escaped(name, unquote(value)) for value in values]
        return cls(name, tuple(dict.fromkeys(values)))

    def text(self) -> str:
        """`NAME=value,value`, grids written out, settings escaped as in a scenario's text."""
        return f"{self.name}={','.join(self.values)}"

    def put(self, scenario: Scenario, value: str) -> Scenario:
        """The scenario with this value.

        Raises:
            TextError: the value cannot be read, or there is no such knob.
        """
        part, dot, knob = self.name.partition(".")
        if dot:
            return _with_knob(scenario, part, knob, value)
        if part == "defense":
            names = [] if value == "none" else split(value, "+")
            if len(names) > MAX_DEFENSES:
                raise TextError(f"a value of defense= stacks {len(names):,} defenses; at most {MAX_DEFENSES} are taken. Name fewer.")
            return scenario.replace(defense=tuple(parse_component(n.strip(), DEFENSES, "defense") for n in names))
        if part in PARTS:
            named = dict(present([(part, value)]))
            return scenario.replace(**{name: parse_component(text, PARTS[name], KINDS[name]) for name, text in named.items()})
        return scenario.replace(**{part: getattr(Scenario.from_pairs([(part, unquote(value))]), part)})


def _with_knob(scenario: Scenario, part: str, knob: str, value: str) -> Scenario:
    if part != "defense":
        component: Component = getattr(scenario, part)
        return scenario.replace(**{part: _set(component, knob, value)})
    place = scenario.defense.last_with(knob)
    if place is not None:
        return scenario.replace(defense=scenario.defense.put(place, _set(scenario.defense[place], knob, value)))
    named = ", ".join(scenario.defense.names) or "none"
    raise TextError(
        f"no defense of this scenario ({named}) has a knob {knob!r}. Name it in the value: defense=gaussian_noise(sigma=0.01..1/6)."
    )


def _set(component: C, knob: str, value: str) -> C:
    """By the component's own text form, so that values are read and checked as everywhere."""
    if knob not in component.values():
        raise TextError(f"{component.name} has no knob {knob!r}; it has {', '.join(component.values())}.")
    bare = isinstance(getattr(component, knob), str) and not value.startswith(("'", '"'))  # quotes, as within a component, are taken, too
    quoted = repr(value) if bare else value
    new = parse_component(f"{component.name}({knob}={quoted})", {component.name: type(component)}, "component")
    return component.replace(**{knob: getattr(new, knob)})


def split(text: str, mark: str) -> list[str]:
    """Cut at a mark wherever it stands outside of parentheses and quotes.

    Example:
        >>> split("a(b=1,c='x,y'),d", ",")
        ["a(b=1,c='x,y')", 'd']
    """
    parts, start, depth, quote, kept = [], 0, 0, "", False
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and not kept else quote
            kept = letter == "\\" and not kept
        elif letter in "'\"":
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        if letter == mark and depth == 0 and not quote:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def count(texts: Sequence[str]) -> int:
    """How many cells axes make, by their texts alone: nothing of them is written out before this has been asked.

    Raises:
        TextError: a grid that cannot be read, more cells than are taken, or more text.

    Example:
        >>> count(["seed=0..4", "defense=none,gaussian_noise(sigma=0.01..1/6)"])
        35
    """
    cells, written = 1, 0
    for text in texts:
        _short(len(text))  # before every letter of it is looked at
        sizes = [(_size(value), len(value)) for value in split(text.partition("=")[2], ",")]
        cells *= sum(size for size, _ in sizes)
        written += sum(size * (length + 1) for size, length in sizes)
    if cells > MOST:
        raise TextError(f"a sweep of {_figure(cells)} cells; at most {MOST:,} are taken. Use fewer values.")
    _short(written)
    return cells


def _figure(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"about 10^{math.log10(number):.0f}"


def _short(written: int) -> None:
    if written > MOST_WRITTEN:
        raise TextError(
            f"the axes of the sweep are {_figure(written)} characters, grids written out; at most {MOST_WRITTEN:,} are taken. "
            "Use fewer values, or shorter ones."
        )


def expanded(value: str) -> list[str]:
    """The value once for every number of its first grid, and so on for further ones.

    Raises:
        TextError: a grid that cannot be read, or so many numbers that no sweep has room for them.
    """
    if _size(value) > MOST:
        raise TextError(f"{shown(value)} stands for {_figure(_size(value))} values; at most {MOST:,} are taken. Use fewer.")
    return _written_out(value)


def _written_out(value: str) -> list[str]:
    found = _grid(value)
    if found is None:
        return [value]
    made: list[str] = []
    for n in _numbers(found):
        made += _written_out(value[: found.start()] + n + value[found.end() :])
        if len(made) > MOST:  # a number and what stood beside its grid may be a grid again
            raise TextError(f"{shown(value)} stands for more than {MOST:,} values; at most {MOST:,} are taken. Use fewer.")
    return made


def _size(value: str) -> int:
    """How many values a value with grids stands for."""
    size = 1
    while found := _grid(value):
        size *= _length(found)
        value = value[: found.start()] + found[1] + value[found.end() :]
    return size


def _grid(value: str) -> re.Match[str] | None:
    """The grid that is written out first; None where there is none."""
    if ".." not in value:
        return None
    if LONG_NUMBER.search(value):  # before the patterns of grids, which take minutes over thousands of digits
        raise TextError(f"{shown(value)} holds a number of more than {LONGEST} digits. Use fewer.")
    if value.count("..") > GRIDS:
        raise TextError(f"{shown(value)} holds more than {GRIDS} grids. Use fewer.")
    return next((hit for pattern in (LOG_GRID, WHOLE, UNFINISHED) if (hit := pattern.search(value))), None)


def _length(found: re.Match[str]) -> int:
    """How many numbers a grid stands for."""
    if found.re is UNFINISHED:
        raise TextError(f"{shown(found[0])} is no grid: write LOW..HIGH/COUNT, as in {shown(found[0] + '/6')[1:-1]}.")
    if found.re is LOG_GRID:
        low, high = float(found[1]), float(found[2])
        if len(found[0]) > LONGEST or not (0 < low < np.inf and 0 < high < np.inf and 2 <= int(found[3]) <= MOST):
            raise TextError(f"{shown(found[0])} is no grid: LOW..HIGH/COUNT takes two numbers above 0 and a count from 2 to {MOST:,}.")
        return int(found[3])
    if len(found[0]) > LONGEST or not int(found[1]) <= int(found[2]) < int(found[1]) + MOST:
        raise TextError(
            f"{shown(found[0])} is no range: FIRST..LAST takes two whole numbers, the larger one last, at most {MOST:,} in all."
        )
    return int(found[2]) - int(found[1]) + 1


def _numbers(found: re.Match[str]) -> list[str]:
    """Those that a grid stands for."""
    size = _length(found)
    if found.re is LOG_GRID:
        return [f"{n:.4g}" for n in np.geomspace(float(found[1]), float(found[2]), size)]
    return [str(n) for n in range(int(found[1]), int(found[1]) + size)]


def product(base: Scenario, axes: Sequence[Axis]) -> list[tuple[dict[str, str], Scenario]]:
    """Every combination of the axes' values, the last axis fastest, each with its scenario.

    Raises:
        TextError: an axis twice, or a value that cannot be read.
    """
    if len({axis.name for axis in axes}) < len(axes):
        raise TextError(f"an axis is named twice in {', '.join(a.name for a in axes)}. Put all its values into one.")
    cells: list[tuple[dict[str, str], Scenario]] = [({}, base)]
    for axis in sorted(axes, key=lambda a: "." in a.name):  # parts first: a knob belongs to what they choose
        cells = [({**values, axis.name: v}, axis.put(scenario, v)) for values, scenario in cells for v in axis.values]
    return cells
