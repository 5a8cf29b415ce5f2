"""Arrays of .npy and .npz files: their headers are checked before anything is unpacked, and nothing is ever unpickled."""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from typing import IO, BinaryIO

import numpy as np

from ._limits import Limits, amount, refused, shown, sized

MAGIC = b"\x93NUMPY"
KINDS = "biuf"  # truth values, whole numbers, real numbers
AXES = 8
HEADER = 10_000  # bytes
PICKLED = "Pickled objects are never read, as reading them runs code. Save plain arrays of numbers: np.savez(file, x=x, y=y)."
REAL = "Save whole or real numbers of at most 64 bits; words and categories as one-hot rows or class numbers."
PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def read_npy(file: BinaryIO, name: str, limits: Limits) -> np.ndarray:
    """One array.

    Args:
        file: that can be read anywhere.
        name: as the user knows it.
        limits: of what is read.

    Raises:
        UploadError: broken, cut short, pickled, no numbers, too large; says what, and what to do.
    """
    return _array(file, sized(file, name, limits.size), name, limits.unpacked)


def read_npz(file: BinaryIO, name: str, limits: Limits) -> dict[str, np.ndarray]:
    """All arrays by name; arguments and errors as of `read_npy`."""
    sized(file, name, limits.size)
    try:
        with zipfile.ZipFile(file) as packed:
            return _members(packed, name, limits)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, NotImplementedError, ValueError, RuntimeError) as err:
        raise refused(name, f"the file is broken, or no .npz ({shown(str(err))})", "Save it again: np.savez(file, x=x, y=y).") from err


def _members(packed: zipfile.ZipFile, name: str, limits: Limits) -> dict[str, np.ndarray]:
    members = [one for one in packed.infolist() if not one.is_dir()]
    if not members:
        raise refused(name, "there is no array in it", "Save some: np.savez(file, x=x, y=y).")
    if len(members) > limits.arrays:
        raise refused(name, f"there are {len(members):,} arrays in it, and at most {limits.arrays:,} are read", "Save fewer.")
    if (total := sum(one.file_size for one in members)) > limits.unpacked:
        what = f"unpacked it would take {amount(total)}, and at most {amount(limits.unpacked)} are read"
        raise refused(name, what, "Take fewer records, or smaller ones.")
    found: dict[str, np.ndarray] = {}
    for one in members:
        title = one.filename.removesuffix(".npy")
        if title == one.filename or one.flag_bits & 1 or one.compress_type not in PACKED:
            what = f"it holds {shown(one.filename)}, which is no array as numpy saves it"
            raise refused(name, what, "Save it with np.savez or np.savez_compressed.")
        if title in found:
            raise refused(name, f"the name {shown(title)} stands in it twice", "Save it again: np.savez(file, x=x, y=y).")
        with packed.open(one) as member:
            found[title] = _array(member, one.file_size, f"{name}, array {title}", limits.unpacked)
    return found


def _array(file: IO[bytes], size: int, name: str, most: int) -> np.ndarray:
    shape, dtype, columns_first = _header(file, name)
    count = math.prod(shape)
    if count * dtype.itemsize > most:
        raise refused(name, f"it would take {amount(count * dtype.itemsize)}, and at most {amount(most)} are read", "Take fewer records, or smaller ones.")  # fmt: skip
    length = count * dtype.itemsize
    if length > size:  # what it says of itself is not there: no room is made for it
        raise refused(name, f"it is cut short: its shape {shape} needs {amount(length)}, and the file has {amount(size)}", "Save it again.")
    content = file.read(length + 1)
    if len(content) != length:
        more = len(content) > length
        raise refused(name, "there is more behind its numbers" if more else f"it is cut short: its shape is {shape}", "Save it again.")
    flat = np.frombuffer(bytearray(content), dtype).astype(dtype.newbyteorder("="), copy=False)  # its own, and writable
    return flat.reshape(shape[::-1]).T if columns_first else flat.reshape(shape)


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype, bool]:
    """Shape, kind of numbers, and whether columns stand first."""
    start = file.read(len(MAGIC) + 2)
    if start[:1] == b"\x80":
        raise refused(name, "it is pickled", PICKLED)
    if start[: len(MAGIC)] != MAGIC or len(start) < len(MAGIC) + 2:
        raise refused(name, "it is no array as numpy saves it", "Save it with np.save or np.savez.")
    wide = start[len(MAGIC)] > 1  # version 1 has two bytes for the length of its header, 2 and 3 have four
    prefix = file.read(4 if wide else 2)
    length = int.from_bytes(prefix, "little")
    words = file.read(length) if length <= HEADER else b""
    if length > HEADER or len(words) != length:
        raise refused(name, "its header is broken", "Save it again with np.save or np.savez.")
    whole = io.BytesIO(prefix + words)
    try:
        shape, columns_first, dtype = (np.lib.format.read_array_header_2_0 if wide else np.lib.format.read_array_header_1_0)(whole)
    except Exception as err:
        raise refused(name, "its header is broken", "Save it again with np.save or np.savez.") from err
    if dtype.hasobject:
        raise refused(name, "it holds Python objects", PICKLED)
    if dtype.kind not in KINDS or dtype.itemsize > 8 or dtype.shape:
        raise refused(name, f"it holds {shown(str(dtype))}, which are no numbers that are read", REAL)
    if len(shape) > AXES or any(side < 0 for side in shape):
        raise refused(name, f"its shape {shown(str(shape))} is none", f"An array has at most {AXES} dimensions.")
    if 0 in shape:
        raise refused(name, f"there is nothing in it, its shape is {shape}", "Save at least one record.")
    return shape, dtype, columns_first
