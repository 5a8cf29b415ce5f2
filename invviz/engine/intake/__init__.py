"""Nets, weights and data that a visitor hands over: read in a process of its own, which may take so much memory and time, writes no file and runs nothing of what it reads.

What comes back is plain arrays and words; nothing touches the disk, and nothing is unpickled.
"""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core.errors import UploadError
from ...core.messages import python_path, read, write
from ...core.paths import IMPORTS
from ...core.unused import give_back
from ._limits import DATA, MEMORY, MOST_FILES, PATIENCE, SECONDS, TOO_MUCH, WEIGHTS, check_sizes
from ._net import module_of

AT_ONCE = threading.Semaphore(2)
MOST_BACK = 400_000_000  # bytes that are read of what a process answers


@dataclasses.dataclass(frozen=True, eq=False)
class Handed:
    """What a visitor hands over.

    Attributes:
        net: {"layers": text of JSON}, or {"registry": "mlp(width=64)", "classes": 10}.
        weights: name and content of a safetensors file; None where weights are to be drawn.
        files: names and contents: one npz, npy or csv file, or pictures.
        labels: one a record, as a person writes them: "3, 1, 4"; empty where the file has them.
    """

    net: Mapping[str, Any]
    weights: tuple[str, bytes] | None = None
    files: Sequence[tuple[str, bytes]] = ()
    labels: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Taken:
    """What came of it, checked.

    Attributes:
        net: as it was handed over; of a net of invviz that reads words with as many classes as there are numbers of words.
        weights: by name, as the net has them; empty where none were handed over.
        inputs: (b, ...) records; None where none were.
        targets: (b,) class numbers, or real numbers; likewise.
        facts: of the net: parameters, shapes; of the data: what it was, in words.
        notes: what was done with it, in words.
    """

    net: Mapping[str, Any]
    weights: dict[str, np.ndarray]
    inputs: np.ndarray | None
    targets: np.ndarray | None
    facts: dict[str, Any]
    notes: list[str]


def take(handed: Handed) -> Taken:
    """Read everything in a process of its own.

    Raises:
        UploadError: something is not what it should be, or takes too much; says what was given, what is allowed, what to do.
    """
    try:
        return _taken(handed)
    finally:
        give_back()


def _taken(handed: Handed) -> Taken:
    with io.BytesIO() as order:  # nothing of it stays, whatever is raised
        write(order, *ordered(handed))
        with AT_ONCE, order.getbuffer() as whole:
            answer = _asked(whole)
    try:
        message = read(io.BytesIO(answer))
    except (ValueError, KeyError, TypeError) as err:
        raise UploadError(TOO_MUCH) from err
    if message is None:  # it was ended in the middle
        raise UploadError(TOO_MUCH)
    if "refused" in message.header:
        raise UploadError(str(message.header["refused"]))
    own = {name: value for name, value in message.arrays.items() if name in ("inputs", "targets")}
    weights = {name.removeprefix("weight "): value for name, value in message.arrays.items() if name.startswith("weight ")}
    return Taken(
        message.header["facts"].pop("net", handed.net),
        weights,
        own.get("inputs"),
        own.get("targets"),
        message.header["facts"],
        message.header["notes"],
    )


def ordered(handed: Handed) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What a process is told: words, and the contents of files.

    Raises:
        UploadError: too large, or of a kind that is never read.
    """
    check_sizes(handed.weights, handed.files)
    blobs = [*([handed.weights] if handed.weights else []), *handed.files]
    header = {"net": dict(handed.net), "labels": handed.labels, "names": [name for name, _ in blobs], "weights": handed.weights is not None}
    return header, {str(place): np.frombuffer(data, np.uint8) for place, (_, data) in enumerate(blobs)}


def _asked(order: Any) -> bytes:
    """The answer of a process; what there is of it where it was ended."""
    command = [sys.executable, "-B", "-m", f"{__name__}._child"]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    place = {
        "TORCHINDUCTOR_CACHE_DIR": str(IMPORTS)
    }  # torch wants to make a folder as it is imported; this one is there, and no file is written
    environment = {"PYTHONPATH": python_path(), "PATH": "", "MALLOC_ARENA_MAX": "2", **threads, **place}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=IMPORTS, env=environment
    )
    assert process.stdin and process.stdout
    clock = threading.Timer(PATIENCE, process.kill)
    clock.start()
    try:
        try:
            process.stdin.write(order)
            process.stdin.close()
        except OSError:  # it has ended before it had read all
            pass
        return process.stdout.read(MOST_BACK)
    finally:
        clock.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


__all__ = ["DATA", "MEMORY", "MOST_FILES", "SECONDS", "WEIGHTS", "Handed", "Taken", "module_of", "ordered", "take"]
