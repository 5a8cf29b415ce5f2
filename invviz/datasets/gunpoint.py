"""GunPoint: a hand that draws a gun, or only points; the usual small set of series. Read from aeon's package without importing it, or from files of one's own folder."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import zlib
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.errors import DataMissing, InvvizError
from ._base import Samples
from ._fetch import same_md5
from ._packed import unpacked
from ._series import Lines, SeriesSet

FILES = {
    "GunPoint_TEST.ts": "29b4dcc6cc288913e3d4b9dc414844ad",
    "GunPoint_TRAIN.ts": "b7901fea64f1478306a5b2fd24bbadf3",
}  # MD5 as in aeon 1.6.0
INSIDE = Path("datasets", "data", "GunPoint")  # of aeon's package
LENGTH = 150
LARGEST = 16 << 20  # bytes of a file


@dataclasses.dataclass(frozen=True)
class GunPoint(SeriesSet):
    """200 records of how far to the side a hand is, 150 values in about 5 seconds: it draws a gun, or points with a finger; 50 public ones and 150 victims, the published split.

    The published values have mean 0 and deviation 1 each; -3 becomes 0 and 3 becomes 1, and no published value lies beyond.
    """

    name: ClassVar[str] = "gunpoint"
    title: ClassVar[str] = "GunPoint (series)"
    paper: ClassVar[str] = "ratanamahatana2005gunpoint"
    num_classes: ClassVar[int] = 2
    side: ClassVar[int] = LENGTH
    ends: ClassVar[tuple[float, float]] = (-3.0, 3.0)
    unit: ClassVar[str] = "standard deviations"
    seconds: ClassVar[float] = 5.0
    needs_folder: ClassVar[bool] = True
    largest: ClassVar[int] = LARGEST
    citation: ClassVar[str] = "GunPoint (Ratanamahatana and Keogh 2005), as the UCR archive and aeon give it; no licence is stated."
    how_to_get: ClassVar[str] = (
        f"GunPoint comes with the package aeon: `pip install --no-deps aeon` is enough, its code is not run. Or put {' and '.join(FILES)} into DIR/gunpoint, DIR being "
        "the folder that INVVIZ_DATA or --set data_dir=DIR names. Without either, data=ecg is a set of series that is always there."
    )

    @classmethod
    def find(cls, data_dir: Path | None) -> Path:
        """The folder with both files: DIR/gunpoint, DIR, or inside of aeon's package.

        Raises:
            DataMissing: says where it was looked for and how to get it.
        """
        own = [] if data_dir is None else [Path(data_dir).expanduser().absolute() / name for name in ("gunpoint", "")]
        spec = importlib.util.find_spec("aeon")
        looked = [*own, *(Path(place) / INSIDE for place in (spec and spec.submodule_search_locations) or ())]
        for folder in looked:
            if all(_lies(folder, file) for file in FILES):
                return folder
        where = f" Looked in {', '.join(map(str, looked))}." if looked else ""
        raise DataMissing(
            f"GunPoint was not found: aeon is {'not installed' if spec is None else 'installed without it'}.{where}\n{cls.how_to_get}"
        )

    def load(self, data_dir: Path | None) -> Samples:
        """Read both files; a second call in the same process is instant.

        Raises:
            DataMissing: they are not there; says how to get them.
            InvvizError: they are broken; says what is wrong with which line.
        """
        folder = self.find(data_dir)
        return _load(folder, tuple(place.stat().st_mtime_ns for file in FILES if (place := _lies(folder, file))))


def _lies(folder: Path, file: str) -> Path | None:
    """Where a file is, as it is or packed."""
    return next((place for place in (folder / file, folder / f"{file}.gz") if place.is_file()), None)


@functools.lru_cache(maxsize=2)
def _load(folder: Path, stamp: tuple[int, ...]) -> Samples:
    try:
        with unpacked(folder, list(FILES), GunPoint.largest) as place:
            test, train = (
                Lines.of(values, *GunPoint.ends, labels) for values, labels in (read_ts(place / file, LENGTH, 2) for file in FILES)
            )
            same = all(same_md5(place / file, md5) for file, md5 in FILES.items())
    except (InvvizError, OSError, ValueError, EOFError, zlib.error) as err:
        raise InvvizError(
            f"the copy of GunPoint in {folder} is broken ({err}). Move it away and get a new one. {GunPoint.how_to_get}"
        ) from err
    return Samples(test, train, ("gun", "point"), "" if same else "changed copy: other checksums than the published files")


def read_ts(path: Path, length: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Series of a .ts file of one channel, (n, 1, length), and their classes from 0 on, (n,).

    Raises:
        InvvizError: it is no such file, or a line has another length, a value that is no number, or another class; names the line and says what is allowed.
    """
    if path.stat().st_size > LARGEST:
        raise InvvizError(f"{path} has {path.stat().st_size:,} bytes; at most {LARGEST:,} are read.")
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as err:
        raise InvvizError(f"{path} is not a text file. Get it again.") from err
    begun = next((k for k, line in enumerate(lines) if line.strip().lower() == "@data"), None)
    rows = [(k + 1, line) for k, line in enumerate(lines) if begun is not None and k > begun and line.strip()]
    if not rows:
        raise InvvizError(
            f"{path} holds no series: after a line @data each line is values with commas between them, a colon and a class. Get it again."
        )
    values, labels = zip(*(_series(f"{path}, line {number}", line, length, classes) for number, line in rows), strict=True)
    return np.stack(values)[:, None], np.array(labels)


def _series(where: str, line: str, length: int, classes: int) -> tuple[np.ndarray, int]:
    text, _, label = line.strip().rpartition(":")
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if len(parts) != length:
        raise InvvizError(
            f"{where}: a series of {len(parts)} values; every series has {length} here. Cut it to that length, or fill it up."
        )
    try:
        values = np.array([float(part) for part in parts])
    except ValueError:
        values = np.array([np.nan])
    if not np.isfinite(values).all():
        bad = next(part for part in parts if not _is_number(part))
        raise InvvizError(f"{where}: {bad[:40]!r} is no finite number. Fill the gap, or leave this series out.")
    if label.strip() not in {str(k + 1) for k in range(classes)}:
        raise InvvizError(f"{where}: class {label.strip()[:40]!r}; allowed: 1 to {classes}.")
    return values, int(label) - 1


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
