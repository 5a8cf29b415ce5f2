"""What may be handed over, and what the process that reads it may take."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path, PurePath

from ...core.errors import UploadError
from ...datasets.own import Limits

SECONDS = 20  # of a processor
MEMORY = 900_000_000  # bytes, beside what Python takes anyway
PATIENCE = 60.0  # seconds of the clock, on a machine that is busy
WEIGHTS = Limits(size=50_000_000, unpacked=60_000_000, arrays=2_000)
DATA = Limits(size=20_000_000, unpacked=60_000_000, arrays=64, columns=4_096)
RECORDS = 10_000  # in a file
MOST_FILES = 16  # pictures
TOO_MUCH = (
    f"Reading this takes more than {SECONDS} s or {MEMORY // 10**6} MB, and was ended. Allowed: weights of at most {WEIGHTS.size // 10**6} MB, data of at most "
    f"{DATA.size // 10**6} MB. Take fewer records or a smaller net, or audit on your own machine: invviz audit."
)
CODE = {
    ".pt": "PyTorch", ".pth": "PyTorch", ".ckpt": "PyTorch", ".bin": "PyTorch", ".pt2": "torch.export", ".pkl": "pickle", ".pickle": "pickle",
    ".joblib": "joblib", ".onnx": "ONNX", ".h5": "HDF5", ".keras": "Keras", ".npz": "", ".py": "Python",
}  # fmt: skip
WHY = (
    "{kind} files are not taken from an upload: {why} Turn your weights into safetensors on your own machine, with `invviz convert` or "
    "safetensors.torch.save_file(net.state_dict(), path), and write the net as layers."
)
RUNS = "reading one can run code that somebody has put into it."
FOLDS = "exporting folds batch norm into other layers, so that its gradients are not those of your net."


def check_sizes(weights: tuple[str, bytes] | None, files: Sequence[tuple[str, bytes]]) -> None:
    """Refuse what is too large or of a kind that is never read, before a process is started.

    Raises:
        UploadError: says why, and the way out.
    """
    for name, data in [*([weights] if weights else []), *files]:
        check_kind(name, data[:600])
    if weights and len(weights[1]) > WEIGHTS.size:
        raise UploadError(
            f"The weights have {len(weights[1]) / 1e6:.1f} MB; at most {WEIGHTS.size // 10**6} MB are taken. Audit on your own machine: invviz audit."
        )
    if len(files) > MOST_FILES:
        raise UploadError(f"There are {len(files)} files; at most {MOST_FILES} pictures are taken, or one npz, npy or csv file.")
    if (total := sum(len(data) for _, data in files)) > DATA.size:
        raise UploadError(
            f"The data have {total / 1e6:.1f} MB; at most {DATA.size // 10**6} MB are taken. Take fewer records, or smaller ones."
        )


def check_kind(name: str, start: bytes) -> None:
    """Refuse what holds code or pickled objects, by its name and by how it begins."""
    kind = CODE.get(PurePath(name).suffix.lower(), "")
    if not kind and start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        kind = "pickle"
    if not kind and start[:4] == b"PK\x03\x04" and (b"data.pkl" in start or b"/.format_version" in start or b"/archive_format" in start):
        kind = "PyTorch"
    if kind:
        raise UploadError(WHY.format(kind=kind, why=FOLDS if kind == "ONNX" else RUNS))


def limit() -> None:
    """This process takes no more from now on, and writes no file; where the system has no such limits (Windows), the clock alone ends it."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime) + SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with contextlib.suppress(OSError, ValueError):  # macOS has no /proc, and its limits of memory do nothing
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
