"""One picture decoded in a process of its own, which cannot take more time or memory than a picture is worth: `python -m invviz.datasets._decode C H W`.

The file comes in through a pipe and the picture goes out through one: nothing touches the disk.
"""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from ..core.errors import UploadError
from ..core.paths import IMPORTS
from ._upload import ALLOWED, MAX_BYTES, read_upload

SECONDS = 2  # of a processor, the start of Python among them; at least one of them is the picture's
MEMORY = 300_000_000  # bytes, beside what Python takes anyway
PATIENCE = 60.0  # seconds of the clock, on a machine that is busy
TOO_MUCH = f"the picture takes more than {SECONDS} s or {MEMORY // 10**6} MB to read. {ALLOWED} Open it in any picture program and save it again as PNG, and upload that."
AT_ONCE = threading.Semaphore(2)
GOOD, BAD = b"+", b"-"


def decoded(data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """What `read_upload` makes of a file that nobody knows.

    Args:
        data: the bytes of the file.
        shape: channels, height, width.

    Returns:
        (channels, height, width) float32 in [0, 1].

    Raises:
        UploadError: as there, or it takes too much.
    """
    if len(data) > MAX_BYTES:
        return read_upload(data, shape)  # which says so, and reads nothing
    command = [sys.executable, "-m", __name__, *map(str, shape)]
    with AT_ONCE:
        try:
            done = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE, cwd=IMPORTS, check=False)
        except subprocess.TimeoutExpired as err:
            raise UploadError(TOO_MUCH) from err
    start, rest = done.stdout[:1], done.stdout[1:]
    if start == BAD:
        raise UploadError(rest.decode())
    if start != GOOD or len(rest) != 4 * math.prod(shape):  # it was ended in the middle
        raise UploadError(TOO_MUCH)
    return np.frombuffer(rest, "<f4").reshape(shape).copy()


def limit() -> None:
    """This process takes no more from now on; where the system has no such limits (Windows), the clock alone ends it."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = used.ru_utime + used.ru_stime
    seconds = max(SECONDS, math.ceil(spent + 1))  # the system counts whole ones
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no picture on the disk, should a reader crash
    with contextlib.suppress(OSError, ValueError):  # macOS has no /proc, and its limits of memory do nothing
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _main(shape: tuple[int, int, int]) -> None:
    from PIL import Image, ImageCms, ImageOps  # noqa: F401  (before the limit: what the reader needs anyway)

    Image.preinit()
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    limit()
    try:
        answer = GOOD + read_upload(data, shape).astype("<f4").tobytes()
    except UploadError as err:
        answer = BAD + str(err).encode()
    except MemoryError:
        answer = BAD + TOO_MUCH.encode()
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    channels, height, width = map(int, sys.argv[1:])
    _main((channels, height, width))
