"""Messages between processes: words and numbers as JSON, arrays as their bytes. Nothing is pickled."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

import numpy as np

from .paths import IMPORTS

MAX_HEADER = 64 << 20  # bytes; a longer one means that something else wrote into the pipe
DTYPES = ("uint8", "int64", "float32", "float64")


class Message(NamedTuple):
    """Words and numbers, and arrays by name. The header's "type" says what it is."""

    header: dict[str, Any]
    arrays: dict[str, np.ndarray]


def write(stream: IO[bytes], header: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
    """Send one message: length and text of a JSON header, then the bytes of each array. No pickle."""
    blocks = {name: np.asarray(array, order="C") for name, array in (arrays or {}).items()}
    for name, block in blocks.items():
        if block.dtype.name not in DTYPES:
            raise ValueError(f"array {name} is {block.dtype}; sent are {', '.join(DTYPES)}.")
    shapes = [[name, block.dtype.name, block.shape] for name, block in blocks.items()]
    text = json.dumps({**header, "arrays": shapes}).encode()
    stream.write(struct.pack(">I", len(text)) + text)
    for block in blocks.values():
        stream.write(block.tobytes())
    stream.flush()


def read(stream: IO[bytes]) -> Message | None:
    """Receive one message; None where the other side has closed."""
    start = stream.read(4)
    if len(start) < 4:
        return None
    (length,) = struct.unpack(">I", start)
    if length > MAX_HEADER:
        raise ValueError(f"a header of {length:,} bytes; this is not a message.")
    try:
        header = json.loads(_exactly(stream, length))
        arrays = {}
        for name, dtype, shape in header.pop("arrays"):
            if dtype not in DTYPES:
                raise ValueError(f"an array of {dtype}; this is not a message.")
            size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
            arrays[name] = np.frombuffer(_exactly(stream, size), dtype).reshape(shape)
    except EOFError:
        return None
    return Message(header, arrays)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def python_path() -> str:
    """PYTHONPATH for a process that shall use this very package."""
    return os.pathsep.join(filter(None, [str(IMPORTS), os.environ.get("PYTHONPATH", "")]))
