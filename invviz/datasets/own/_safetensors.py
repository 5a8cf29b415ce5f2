"""Tensors by name in the safetensors format: a length, a header in JSON, and bytes; nothing in it can run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from ._limits import Limits, amount, refused, shown, sized

DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}
NAMED = {np.dtype(code): name for name, code in DTYPES.items() if name != "BF16"}
HEADER = 10_000_000  # bytes
AXES = 8
AGAIN = "Write it again with safetensors, or with `invviz convert`."


def read_safetensors(file: BinaryIO, name: str, limits: Limits) -> dict[str, np.ndarray]:
    """Tensors by name, in the order of the file; bfloat16 as float32.

    Args:
        file: that can be read anywhere.
        name: as the user knows it.
        limits: of what is read.

    Raises:
        UploadError: broken, cut short, with tensors that overlap or leave gaps, empty ones, numbers that are not finite; too large. Says what, and what to do.
    """
    size = sized(file, name, limits.size)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8 or length > HEADER:
        raise refused(name, f"it is no safetensors file: its header would take {amount(length)}", AGAIN)
    header = _header(file.read(length), name)
    if len(header) > limits.arrays:
        raise refused(name, f"it holds {len(header):,} tensors, and at most {limits.arrays:,} are read", "Save fewer.")
    places = sorted((start, end, title) for title, (_, _, start, end) in header.items())
    reached = 0
    for start, end, title in places:
        if start != reached:
            raise refused(name, f"tensor {shown(title)} {'overlaps with another' if start < reached else 'leaves a gap before it'}", AGAIN)
        reached = end
    if reached != size - 8 - length:
        raise refused(name, f"its tensors take {amount(reached)}, and there are {amount(size - 8 - length)}", AGAIN)
    if (taken := sum(end - start for start, end, _ in places)) > limits.unpacked:
        raise refused(name, f"its tensors take {amount(taken)}, and at most {amount(limits.unpacked)} are read", "Take a smaller net.")
    found = {}
    for _, _, title in places:  # in the order of the bytes
        code, shape, start, end = header[title]
        found[title] = _values(file.read(end - start), code, shape, f"{name}, tensor {title}")
    return {title: found[title] for title in header}


def _header(words: bytes, name: str) -> dict[str, tuple[str, tuple[int, ...], int, int]]:
    """Kind of numbers, shape, first byte and the one behind the last, of every tensor."""
    try:
        said: Any = json.loads(words, object_pairs_hook=_once)
        if not isinstance(said, dict):
            raise TypeError
        said.pop("__metadata__", None)
        found = {title: _entry(one) for title, one in said.items()}
    except (ValueError, TypeError, KeyError, RecursionError) as err:
        raise refused(name, f"its header is broken{f' ({shown(str(err))})' if isinstance(err, _Strange) else ''}", AGAIN) from err
    if not found:
        raise refused(name, "there is no tensor in it", "Save the net's state_dict().")
    return found


class _Strange(ValueError):
    """Something in a header that can be said in words."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise _Strange("a name stands in it twice")
    return found


def _entry(one: Any) -> tuple[str, tuple[int, ...], int, int]:
    code, shape, (start, end) = one["dtype"], one["shape"], one["data_offsets"]
    whole = lambda v: type(v) is int and 0 <= v < 2**62  # noqa: E731
    if code not in DTYPES:
        raise _Strange(f"its kind of numbers {code!r} is none of {', '.join(DTYPES)}")
    if not (isinstance(shape, list) and len(shape) <= AXES and all(map(whole, shape)) and whole(start) and whole(end)):
        raise _Strange("a shape or a place in it is none")
    if 0 in shape:
        raise _Strange(f"a tensor of shape {shape} is empty")
    if end - start != math.prod(shape) * np.dtype(DTYPES[code]).itemsize:
        raise _Strange(f"a tensor of shape {shape} does not take the bytes that are named for it")
    return code, tuple(shape), start, end


def _values(content: bytes, code: str, shape: tuple[int, ...], name: str) -> np.ndarray:
    values = np.frombuffer(bytearray(content), DTYPES[code]).reshape(shape)
    if code == "BF16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise refused(name, "it holds numbers that are not finite", "Train again, or load weights that are whole.")
    return values


def write_safetensors(tensors: Mapping[str, np.ndarray], file: BinaryIO) -> None:
    """Write tensors by name; they are read back by every reader of the format.

    Raises:
        ValueError: a kind of numbers that the format does not have.
    """
    header: dict[str, Any] = {}
    pieces, place = [], 0
    for title, value in tensors.items():
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        if array.dtype not in NAMED:
            raise ValueError(f"{title} holds {array.dtype}")
        header[title] = {"dtype": NAMED[array.dtype], "shape": list(array.shape), "data_offsets": [place, place + array.nbytes]}
        pieces.append(array)
        place += array.nbytes
    words = json.dumps(header, separators=(",", ":")).encode()
    words += b" " * (-len(words) % 8)
    file.write(len(words).to_bytes(8, "little"))
    file.write(words)
    for array in pieces:
        file.write(array.tobytes())
