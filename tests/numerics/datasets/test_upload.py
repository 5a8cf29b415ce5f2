"""Uploaded pictures."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from invviz.core.errors import UploadError
from invviz.datasets import digest, read_upload

SHAPE = (3, 8, 8)


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def noise(h: int = 8, w: int = 8, c: int = 3) -> np.ndarray:
    array = np.random.default_rng(0).integers(0, 256, (h, w, c), dtype=np.uint8)
    return array[..., 0] if c == 1 else array


def test_a_png_of_the_right_size_comes_back_exactly() -> None:
    array = noise()
    got = read_upload(encoded(Image.fromarray(array)), SHAPE)
    assert got.dtype == np.float32 and got.shape == SHAPE
    np.testing.assert_allclose(got, array.transpose(2, 0, 1) / 255, atol=1e-6)


def test_grey_for_colour_and_colour_for_grey() -> None:
    array = noise(c=1)
    got = read_upload(encoded(Image.fromarray(array)), SHAPE)
    np.testing.assert_allclose(got, np.broadcast_to(array / 255, SHAPE), atol=1e-6)
    colour = noise()
    got = read_upload(encoded(Image.fromarray(colour)), (1, 8, 8))
    np.testing.assert_allclose(got[0], colour @ [0.299, 0.587, 0.114] / 255, atol=1.01 / 255)


def test_the_centre_is_kept_and_averaged() -> None:
    array = np.zeros((16, 48, 3), np.uint8)
    array[:, 16:32] = [200, 100, 50]  # the middle square; the ends must not show
    got = read_upload(encoded(Image.fromarray(array)), SHAPE)
    np.testing.assert_allclose(got, np.broadcast_to(np.array([200, 100, 50])[:, None, None] / 255, SHAPE), atol=1e-6)
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the grid: without averaging this would be black or white
    assert np.abs(read_upload(encoded(Image.fromarray(stripes)), SHAPE)[:, 1:-1, 1:-1] - 0.5).max() < 0.05


def test_the_orientation_of_a_camera_is_undone() -> None:
    array = noise()
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn a quarter clockwise to view"
    got = read_upload(encoded(Image.fromarray(array), exif=exif), SHAPE)
    np.testing.assert_allclose(got, np.rot90(array, -1).transpose(2, 0, 1) / 255, atol=1e-6)


def test_transparent_pixels_are_white_and_16_bits_are_scaled() -> None:
    clear = np.zeros((8, 8, 4), np.uint8)
    assert read_upload(encoded(Image.fromarray(clear)), SHAPE).min() == 1.0
    deep = np.full((8, 8), 32768, np.uint16)
    np.testing.assert_allclose(read_upload(encoded(Image.fromarray(deep)), (1, 8, 8)), 32768 / 65535, atol=1e-6)


def test_jpeg_is_read() -> None:
    flat = np.full((20, 20, 3), (10, 120, 240), np.uint8)
    got = read_upload(encoded(Image.fromarray(flat), "JPEG", quality=95), SHAPE)
    np.testing.assert_allclose(got.mean((1, 2)), np.array([10, 120, 240]) / 255, atol=0.02)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header_only(width: int, height: int, extra: bytes = b"") -> bytes:
    """A tiny PNG that claims to be huge."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")


TEXT_BOMB = chunk(b"zTXt", b"note\0\0" + zlib.compress(b"a" * 3_000_000))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 5_000_000, "5.0 MB"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG"),
        (b"RIFF\0\0\0\0WAVEfmt ", "none of PNG, JPEG"),
        (b"%PDF-1.7", "a PDF"),
        (b"hello", "none of PNG, JPEG"),
        (b"\x89PNG\r\n\x1a\n", "broken"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 40, "broken"),
        (encoded(Image.fromarray(noise(40, 40)))[:-700], "broken"),
        (encoded(Image.fromarray(noise(200, 200)), "JPEG")[:3000], "broken"),
        (header_only(7000, 7000), "49 megapixels"),
        (header_only(60_000, 60_000), "too many pixels"),
        (header_only(8, 8, TEXT_BOMB), "broken"),
    ],
    ids=[
        "empty",
        "large",
        "svg",
        "sound",
        "pdf",
        "text",
        "png start",
        "jpeg start",
        "cut png",
        "cut jpeg",
        "wide",
        "very wide",
        "text bomb",
    ],
)
def test_refused_in_words(data: bytes, says: str) -> None:
    with pytest.raises(UploadError) as caught:
        read_upload(data, SHAPE)
    text = str(caught.value)
    assert says in text and "WebP or PPM picture of at most 5 MB" in text


def test_a_huge_picture_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageFile

    decoded = []
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: decoded.append(self.size))
    with pytest.raises(UploadError, match="megapixels"):
        read_upload(header_only(7000, 7000), SHAPE)
    assert decoded == []


def test_pillow_tries_no_other_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = Image.open, []
    monkeypatch.setattr(Image, "open", lambda file, formats=None: (asked.append(formats), real(file, formats=formats))[1])
    read_upload(encoded(Image.fromarray(noise())), SHAPE)
    read_upload(encoded(Image.fromarray(noise()), "JPEG"), SHAPE)
    assert asked == [("PNG",), ("JPEG",)]


@settings(max_examples=150, deadline=None, database=None)
@given(st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", header_only(9, 9)]), st.binary(max_size=300))
def test_any_bytes_give_a_picture_or_an_upload_error(start: bytes, rest: bytes) -> None:
    try:
        got = read_upload(start + rest, SHAPE)
    except UploadError:
        return
    assert got.shape == SHAPE and 0 <= got.min() <= got.max() <= 1


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow on broken TIFFs
@settings(max_examples=150, deadline=None, database=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]), st.integers(0, 10_000), st.integers(0, 255))
def test_one_wrong_byte_gives_a_picture_or_an_upload_error(kind: str, at: int, value: int) -> None:
    data = bytearray(encoded(Image.fromarray(noise(24, 24)), kind))
    data[at % len(data)] = value
    try:
        got = read_upload(bytes(data), SHAPE)
    except UploadError:
        return
    assert got.shape == SHAPE and 0 <= got.min() <= got.max() <= 1


def test_digest_tells_values_and_shapes_apart() -> None:
    picture = np.arange(12, dtype=np.float32).reshape(3, 2, 2) / 12
    known = digest(picture)
    assert len(known) == 16 and int(known, 16) >= 0
    assert digest(picture.copy(order="F")) == known == digest(picture.astype(np.float64).astype(np.float32))
    assert len({known, digest(picture.reshape(3, 4, 1)), digest(picture + 1e-6), digest(picture.transpose(0, 2, 1))}) == 4
