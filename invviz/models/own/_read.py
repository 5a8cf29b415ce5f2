"""A net of one's own from JSON: layers of a list, checked one by one with the shapes between them, without PyTorch and without running anything."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from ...core.component import shown
from ...core.errors import UploadError
from ._kinds import FROM_SHAPE, KINDS, LARGEST, NESTED, products
from ._layer import REQUIRED, Misfit, Shape

MAX_TEXT = 200_000  # characters
MAX_LAYERS = 500
MAX_DEPTH = 8  # of layers within layers
MAX_PARAMETERS = 13_000_000  # numbers, which is what fits into a file of 50 MB
MAX_PRODUCTS = 5_000_000_000  # multiplications of one record's way through the net
MAX_INPUT = 200_000  # numbers in a record
NAME = re.compile(r"[A-Za-z0-9_]{1,40}")
TOP = ("input", "layers", "output")
DEFAULT_NAMES = ("name", "layer", "layers", "shortcut")


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer in its place.

    Attributes:
        kind: of the list.
        name: under which its parent has it; what comes before its parameters' names.
        knobs: all of them, with their defaults.
        given: shape of what one record is before it.
        made: and behind it.
        inner: layers within.
        shortcut: of a residual block, what is added; None where that is what comes in.
    """

    kind: str
    name: str
    knobs: dict[str, Any]
    given: Shape
    made: Shape
    inner: tuple[Layer, ...] = ()
    shortcut: Layer | None = None

    def tensors(self, before: str = "") -> Iterator[tuple[str, Shape]]:
        """Full names and shapes of parameters and running numbers."""
        if self.kind in KINDS:
            yield from ((f"{before}{name}", shape) for name, shape in KINDS[self.kind].params(self.knobs, self.given).items())
        for layer in (*self.inner, *([self.shortcut] if self.shortcut else [])):
            yield from layer.tensors(f"{before}{layer.name}.")

    @property
    def products(self) -> int:
        """Multiplications of one record's way through it."""
        if self.kind in KINDS:
            return products(self.kind, KINDS[self.kind].params(self.knobs, self.given), self.made)
        return sum(layer.products for layer in (*self.inner, *([self.shortcut] if self.shortcut else [])))


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A net that has been checked; nothing is built yet.

    Attributes:
        shape: of one record.
        whole: a sequence of layers.
        text: the JSON that it was read from.
    """

    shape: Shape
    whole: Layer
    text: str

    @property
    def made(self) -> Shape:
        """Shape of what it makes of one record."""
        return self.whole.made

    def tensors(self) -> dict[str, Shape]:
        """Shapes of everything that a file of weights has to hold, by name."""
        return dict(self.whole.tensors())


def read_layers(text: str) -> Architecture:
    """Read a net: {"input": [1, 8, 8], "layers": [{"layer": "flatten"}, {"layer": "linear", "out_features": 10}]}.

    A layer may have a "name", which its parameters begin with, as in a state dict; otherwise it is counted from 0, as in torch.nn.Sequential. {"layer": "sequential", "layers": [...]}
    and {"layer": "residual", "layers": [...], "shortcut": {...}} hold layers; the names within a residual block stand side by side.

    Raises:
        UploadError: no JSON, an unknown layer or knob, shapes that do not go together, too large; names the layer and says what is allowed.
    """
    found = _json(text)
    if not isinstance(found, dict) or not isinstance(found.get("layers"), list):
        raise UploadError('The net is no object with "input" and "layers". Copy the example and change it.')
    if strange := [name for name in found if name not in TOP]:
        raise UploadError(f'The net has {shown(strange[0], 40)}; allowed: "input" and "layers".')
    shape = _input(found.get("input"))
    counted = [0]
    try:
        whole = _nested({"layer": "sequential", "layers": found["layers"]}, "", "", shape, 0, counted)
    except Misfit as err:
        raise UploadError(f"{err}.") from err
    made = Architecture(shape, whole, text)
    count = sum(math.prod(one) for one in made.tensors().values())
    if count > MAX_PARAMETERS:
        raise UploadError(
            f"The net has {count:,} parameters; at most {MAX_PARAMETERS:,} are taken. Audit it on your own machine: invviz audit."
        )
    if not count:
        raise UploadError("The net has no parameters, so a client would send nothing. Add a layer that is trained, such as linear.")
    if whole.products > MAX_PRODUCTS:
        raise UploadError(f"The net takes {whole.products:,} multiplications a record; at most {MAX_PRODUCTS:,} are taken here.")
    return made


def _json(text: str) -> Any:
    if len(text) > MAX_TEXT:
        raise UploadError(f"The net's text has {len(text):,} characters; at most {MAX_TEXT:,} are read.")
    deep = deepest = 0
    for sign in text:
        deep += (sign in "[{") - (sign in "]}")
        deepest = max(deepest, deep)
    if deepest > 4 * MAX_DEPTH:
        raise UploadError(f"The net's text is nested {deepest:,} deep; at most {MAX_DEPTH} layers lie within each other.")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise UploadError(f"The net's text names {shown(twice, 40)} twice in one layer. Leave one of them.")
        return dict(pairs)

    def refused(word: str) -> Any:
        raise UploadError(f"The net's text holds {word}, which is no number.")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=refused)
    except (ValueError, RecursionError) as err:
        where = f" (line {err.lineno}, column {err.colno}: {err.msg})" if isinstance(err, json.JSONDecodeError) else ""
        raise UploadError(f"The net's text is no JSON{where}. Copy the example and change it.") from err


def _input(value: Any) -> Shape:
    whole = isinstance(value, list) and 1 <= len(value) <= 3 and all(type(v) is int and v > 0 for v in value)
    if not whole or math.prod(value) > MAX_INPUT:
        raise UploadError(
            f'"input" is {shown(value, 40)}; allowed: the shape of one record, as [channels, height, width] or [columns], at most {MAX_INPUT:,} numbers.'
        )
    return tuple(value)


def _layer(entry: Any, place: int, path: str, given: Shape, depth: int, counted: list[int]) -> Layer:
    where = f"{path}{place}"
    if not isinstance(entry, dict) or not isinstance(entry.get("layer"), str):
        raise Misfit(f'Layer {where} is {shown(entry, 40)}; allowed: an object such as {{"layer": "relu"}}')
    kind, name = entry["layer"], entry.get("name", str(place))
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Misfit(f"Layer {where} has the name {shown(name, 40)}; allowed: letters, digits and _, at most 40")
    where = f"Layer {path}{name} ({shown(kind, 30)[1:-1]})"
    counted[0] += 1
    if counted[0] > MAX_LAYERS:
        raise Misfit(f"There are more than {MAX_LAYERS} layers")
    if kind in NESTED:
        return _nested(entry, name, f"{path}{name}.", given, depth + 1, counted)
    if kind not in KINDS:
        raise Misfit(f"{where} is not in the list; allowed: {', '.join((*KINDS, *NESTED))}")
    table = KINDS[kind].knobs
    if strange := [key for key in entry if key not in (*table, "layer", "name")]:
        raise Misfit(f"{where} has {shown(strange[0], 40)}; allowed: {', '.join(table) or 'no knobs'}")
    if absent := [key for key, knob in table.items() if knob.default is REQUIRED and key not in entry]:
        raise Misfit(f"{where} lacks {absent[0]}, {table[absent[0]].allowed}")
    try:
        knobs = {key: knob.read(key, entry[key]) if entry.get(key) is not None else knob.default for key, knob in table.items()}
        if missing := [key for key, value in knobs.items() if value is REQUIRED]:
            raise Misfit(f"{missing[0]} is null; allowed: {table[missing[0]].allowed}")
        made = KINDS[kind].shape(knobs, given)
    except Misfit as err:
        raise Misfit(f"{where}: {err}") from err
    if math.prod(made) > LARGEST:
        raise Misfit(f"{where} makes {math.prod(made):,} numbers of one record; at most {LARGEST:,}")
    return Layer(
        kind, name, {key: value for key, value in knobs.items() if key not in FROM_SHAPE or key == "normalized_shape"}, given, made
    )


def _nested(entry: dict[str, Any], name: str, path: str, given: Shape, depth: int, counted: list[int]) -> Layer:
    kind = entry["layer"]
    where = f"Layer {path.rstrip('.')} ({kind})" if path else "The net"
    allowed = ("layer", "name", "layers", *(("shortcut",) if kind == "residual" else ()))
    if depth > MAX_DEPTH:
        raise Misfit(f"{where} lies deeper than {MAX_DEPTH} layers within each other")
    if strange := [key for key in entry if key not in allowed]:
        raise Misfit(f"{where} has {shown(strange[0], 40)}; allowed: {', '.join(allowed)}")
    listed = entry.get("layers")
    if not isinstance(listed, list) or not listed:
        raise Misfit(f"{where} has no layers")
    inner, now = [], given
    for place, one in enumerate(listed):
        inner.append(_layer(one, place, path, now, depth, counted))
        now = inner[-1].made
    shortcut = None
    if entry.get("shortcut") is not None:
        beside = {"name": "shortcut", **entry["shortcut"]} if isinstance(entry["shortcut"], dict) else entry["shortcut"]
        shortcut = _layer(beside, len(listed), path, given, depth, counted)
    names = [layer.name for layer in (*inner, *([shortcut] if shortcut else []))]
    if twice := next((one for one in names if names.count(one) > 1), ""):
        raise Misfit(f"{where} has two layers named {twice}")
    added = shortcut.made if shortcut else given
    if kind == "residual" and added != now:
        x = "x".join
        raise Misfit(
            f"{where} adds {x(map(str, added))} to {x(map(str, now))}; both have to be the same shape, for which there is a shortcut"
        )
    return Layer(kind, name, {}, given, now, tuple(inner), shortcut)


__all__ = ["MAX_PARAMETERS", "MAX_PRODUCTS", "MAX_TEXT", "Architecture", "Layer", "read_layers"]
