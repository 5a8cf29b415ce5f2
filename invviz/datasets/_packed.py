"""Files that lie in a data set's folder as NAME.gz."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

PIECE = 1 << 20  # bytes that are unpacked at a time


@contextlib.contextmanager
def unpacked(folder: Path, files: Sequence[str], most: int) -> Iterator[Path]:
    """A folder in which the files lie as they are: the given one where none of them is there only as NAME.gz, else a copy that is gone afterwards.

    Args:
        folder: of the data set; nothing is written there.
        files: below it; one that lies there in neither form is left out.
        most: bytes of one file once it is unpacked.

    Raises:
        ValueError: one unpacks to more than that.
        OSError, EOFError, zlib.error: one is cut short or no gzip file, or the disk is full.
    """
    packed = [file for file in files if not (folder / file).exists() and (folder / f"{file}.gz").is_file()]
    if not packed:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="invviz-unpacked-") as aside:
        for file in files:
            place = Path(aside) / file
            place.parent.mkdir(parents=True, exist_ok=True)
            if file in packed:
                _unpack(folder / f"{file}.gz", place, most)
            elif (folder / file).is_file():
                shutil.copyfile(folder / file, place)
        yield Path(aside)


def _unpack(path: Path, place: Path, most: int) -> None:
    left = most
    with gzip.open(path) as source, place.open("wb") as target:
        while piece := source.read(min(PIECE, left + 1)):
            left -= len(piece)
            if left < 0:
                raise ValueError(f"{path.name} holds more than {most:,} bytes, which no file of this data set does")
            target.write(piece)
