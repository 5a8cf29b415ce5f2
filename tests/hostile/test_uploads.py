"""Picture files that are not what they seem: what costs much is refused before it is decoded, and nothing costs more than a picture is worth."""

from __future__ import annotations

import io
import random
import resource
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile
from visits import opened, said

from invviz.core.errors import UploadError
from invviz.datasets import read_upload
from invviz.datasets._decode import MEMORY, SECONDS, decoded
from invviz.datasets._reader import SCANS, SIDE
from invviz.datasets._upload import MAX_BYTES, MAX_PIXELS
from invviz.ui.private import PrivateDesk

SHAPE = (3, 8, 8)
KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int = 8, colour: int = 2, before: bytes = b"") -> bytes:
    """The start of one, and no pixels: whoever decodes it is told that it is broken."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
        + before
        + chunk(b"IDAT", b"")
        + chunk(b"IEND", b"")
    )


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def scans(count: int, side: int = 64) -> bytes:
    """A progressive JPEG that paints its last scan so often."""
    data = saved(Image.new("L", (side, side), 99), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (1 + count - data.count(b"\xff\xda")) + b"\xff\xd9"


BOMBS = {
    "1,000 scans": (scans(1_000), "in 1,000 scans"),
    "scans of a large one": (scans(30, 4_000), "16.0 megapixels in 30 scans"),
    "one pixel wide": (png(1, 23_999_999), f"1 x 23,999,999, and a side has at most {SIDE:,} pixels"),
    "one pixel high": (png(23_999_999, 1), "23,999,999 x 1, and"),
    "almost 40 megapixels": (png(1, 39_999_999), "40 megapixels, where 24 are read"),
    "area": (png(4_900, 4_900), "24 megapixels, where 24 are read"),
    "deep": (png(3_465, 3_465, 16, 0), "12 megapixels, where 12 are read"),
    "WebP": (saved(Image.new("RGB", (3_465, 3_465)), "WEBP", lossless=True, method=0), "12 megapixels, where 12 are read"),
    "a JPEG in a TIFF": (saved(Image.new("RGB", (64, 64)), "TIFF", compression="jpeg"), "packed in a way that is not read"),
    "huge": (png(60_000, 60_000), "too many pixels"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_is_decoded(name, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("it was decoded"))
    data, words = BOMBS[name]
    assert len(data) < MAX_BYTES
    with pytest.raises(UploadError, match=words) as refused:
        read_upload(data, SHAPE)
    assert "Allowed: one" in str(refused.value) and f"{MAX_PIXELS // 10**6} megapixels" in str(refused.value)


def test_what_lies_just_below_the_limits_is_read():
    for data in (
        scans(SCANS),
        scans(10, 1_200),
        saved(Image.new("1", (SIDE, 3)), "PNG"),
        saved(Image.new("RGB", (64, 64)), "TIFF", compression="tiff_lzw"),
    ):
        assert read_upload(data, SHAPE).shape == SHAPE
    with pytest.raises(UploadError, match=f"{SCANS + 1} scans"):
        read_upload(scans(SCANS + 1), SHAPE)


def test_a_file_is_read_in_a_process_of_its_own_to_the_same_pixels():
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    data = saved(Image.fromarray(picture))
    np.testing.assert_array_equal(decoded(data, SHAPE), read_upload(data, SHAPE))
    with pytest.raises(UploadError, match="empty"):
        decoded(b"", SHAPE)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limits of a process")
def test_no_reader_takes_more_time_or_memory_than_a_picture_is_worth():
    """Whatever the reader does: an endless loop and 400 MB end, 150 MB do not."""
    start = "from invviz.datasets import _decode; _decode.limit()\n"

    def after(work: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([sys.executable, "-c", start + work], capture_output=True, timeout=60, check=False)

    spent = lambda used: used.ru_utime + used.ru_stime  # noqa: E731
    before = spent(resource.getrusage(resource.RUSAGE_CHILDREN))
    assert after("while True: pass").returncode < 0
    assert spent(resource.getrusage(resource.RUSAGE_CHILDREN)) - before < SECONDS + 0.2, (
        "the start of Python is among them; a clock tick is not"
    )
    assert after(f"bytearray({MEMORY} // 2)").returncode == 0
    if sys.platform == "linux":
        assert b"MemoryError" in after(f"bytearray({MEMORY} + 100_000_000)").stderr


def test_a_reader_that_is_ended_is_said_in_words(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], -24, b"", b""))
    with pytest.raises(UploadError, match=f"more than {SECONDS} s or {MEMORY // 10**6} MB.*Allowed.*save it again as PNG"):
        decoded(b"x", SHAPE)


def swapped() -> bytes:
    """A profile in which red and blue have changed places: the one of sRGB with two names exchanged."""
    known = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    known = known.replace(b"sRGB", b"xxxx").replace("sRGB".encode("utf-16-be"), "xxxx".encode("utf-16-be"))
    return known.replace(b"rXYZ", b"qXYZ", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"qXYZ", b"bXYZ", 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_colours_are_those_that_the_profile_says(kind):
    bands = np.zeros((8, 8, 3), np.uint8)
    bands[:] = (200, 120, 40)
    options = {"quality": 100} if kind in ("JPEG", "WEBP") else {}
    told = read_upload(saved(Image.fromarray(bands), kind, icc_profile=swapped(), **options), SHAPE)
    np.testing.assert_allclose(told, np.broadcast_to(np.array([40, 120, 200])[:, None, None] / 255, SHAPE), atol=0.02)
    plain = read_upload(saved(Image.fromarray(bands), kind, **options), SHAPE)
    np.testing.assert_allclose(plain, np.broadcast_to(np.array([200, 120, 40])[:, None, None] / 255, SHAPE), atol=0.02)


@pytest.mark.parametrize("profile", [b"no profile", swapped()[:200], ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()])
def test_a_profile_that_is_broken_or_of_other_inks_is_passed_over(profile):
    bands = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    np.testing.assert_allclose(
        read_upload(saved(Image.fromarray(bands), icc_profile=profile), SHAPE), bands.transpose(2, 0, 1) / 255, atol=1e-6
    )


def test_a_file_is_decoded_once_however_often_the_page_is_drawn(store_dir, monkeypatch):
    read = []
    monkeypatch.setattr("invviz.datasets._own_samples.decoded", lambda data, shape: read.append(shape) or read_upload(data, shape))
    monkeypatch.setattr(
        PrivateDesk, "submit", lambda *_: None
    )  # a process of its own would compute the spectrum, which nobody looks at here
    at = opened("lab", "data=digits&model=mlp&attack=linear_layer")
    at.file_uploader[0].set_value(("own.png", saved(Image.new("L", (20, 20), 99)), "image/png")).run()
    for _ in range(3):
        at.run()
    assert not at.exception and "your own picture, in memory only" in said(at) and read == [(1, 8, 8)]
    at.file_uploader[0].set_value(("own.png", b"no picture", "image/png")).run()
    at.run()
    assert not at.exception and "Allowed\\:" in at.error[0].value and read == [(1, 8, 8)] * 2


def drawn(rng: random.Random) -> bytes:
    """A file that was a picture before some of its bytes, chunks or lengths were changed."""
    picture = Image.effect_noise((rng.randint(1, 80), rng.randint(1, 80)), 60).convert(rng.choice(("L", "RGB")))
    data = bytearray(saved(picture, rng.choice(KINDS)))
    for _ in range(rng.choice((0, 1, 1, 3, 30))):
        place = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(len(data), 64))
        data[place] = rng.choice((0, 1, 0xFF, 0xDA, 0x80, rng.randrange(256)))
    if rng.random() < 0.2:
        data = data[: rng.randrange(len(data))]
    if rng.random() < 0.2:
        place = rng.randrange(len(data) + 1)
        data[place:place] = rng.randbytes(rng.choice((1, 4, 4_000)))
    return bytes(data)


def look(count: int, read) -> int:
    """So many files, the same in every run; how many of them were pictures still."""
    rng, good = random.Random(18), 0
    for _ in range(count):
        data = drawn(rng)
        try:
            found = read(data, SHAPE)
        except UploadError as err:
            assert "Allowed: one" in str(err) and str(err).isprintable()
            continue
        good += 1
        assert found.shape == SHAPE and found.dtype == np.float32 and 0 <= found.min() <= found.max() <= 1
    return good


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow on broken TIFFs
def test_changed_files_give_a_picture_or_words():
    assert 20 < look(150, read_upload) < 140


@pytest.mark.slow
def test_five_hundred_changed_files_each_in_a_process_of_its_own():
    assert 50 < look(500, decoded) < 450
