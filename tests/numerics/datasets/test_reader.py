"""One set of generated picture files through both ways, folder and upload, against values that are known before the file is written."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import color, img_as_float

from invviz.core.errors import InvvizError, UploadError
from invviz.datasets import DATASETS, read_upload

SIDE = 32  # the smallest that a folder is read at, so that nothing is resized
SHAPE = (3, SIDE, SIDE)
EXACT, BYTE = 1e-6, 0.51 / 255  # tolerances: values that are kept as they are, and those that are rounded to 8 bits once


def draw(*shape, high=256, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, high, shape, dtype=np.int64).astype(dtype)


GREY8, GREY16, RGB8, ALPHA = draw(SIDE, SIDE), draw(SIDE, SIDE, high=65536, dtype=np.uint16), draw(SIDE, SIDE, 3), draw(SIDE, SIDE)
FLOAT = np.random.default_rng(1).random((SIDE, SIDE)).astype(np.float32)


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples, bits, colour, *extra):
    """Written by hand, because no writer here writes all kinds."""
    h, w = samples.shape[:2]
    if bits == 16:
        rows = [row.astype(">u2").tobytes() for row in samples]
    else:
        digits = [np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - bits :].ravel() for row in samples]
        rows = [np.packbits(row).tobytes() for row in digits]
    head = struct.pack(">IIBBBBB", w, h, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", head), *extra, chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), chunk(b"IEND", b"")]
    )


def saved(array, kind="PNG", mode=None, **options):
    file = io.BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array, mode)).save(file, kind, **options)
    return file.getvalue()


def tiff(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


def white(colour, alpha):
    """What a person sees on a white page."""
    return color.rgba2rgb(np.dstack([colour, alpha]), background=(1, 1, 1))


def grey(values):
    return np.dstack([values] * 3)


def turned(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def palette():
    """16 colours, of which number 3 is transparent and number 5 half."""
    colours, places = draw(16, 3), draw(SIDE, SIDE, high=16)
    alpha = np.full(16, 255)
    alpha[3], alpha[5] = 0, 128
    data = png(places, 8, 3, chunk(b"PLTE", colours.tobytes()), chunk(b"tRNS", bytes(alpha[:6].tolist())))
    return data, white(colours[places] / 255, alpha[places] / 255)


def animated(kind):
    first, second = Image.fromarray(grey(GREY8 // 64 * 64)), Image.new("RGB", (SIDE, SIDE), "red")
    return (
        saved(first, kind, save_all=True, append_images=[second], lossless=True)
        if kind == "WEBP"
        else saved(first, kind, save_all=True, append_images=[second])
    )


def gif_with_a_hole():
    places = draw(SIDE, SIDE, high=4)
    picture = Image.fromarray(places, "P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    colours = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    return saved(picture, "GIF", transparency=2), white(colours[places], (places != 2).astype(float))


def cmyk():
    ink = draw(SIDE, SIDE, 4) / 255
    seen = (1 - ink[..., :3]) * (1 - ink[..., 3:])
    return (ink * 255).round().astype(np.uint8), seen


CAMERA = {  # by its number in EXIF: how rows and columns lie in the file
    1: RGB8,
    2: RGB8[:, ::-1],
    3: RGB8[::-1, ::-1],
    4: RGB8[::-1],
    5: RGB8.transpose(1, 0, 2),
    6: np.rot90(RGB8),
    7: RGB8.transpose(1, 0, 2)[::-1, ::-1],
    8: np.rot90(RGB8, -1),
}
UP = grey(GREY8) / 255
BITS2, BITS4 = draw(SIDE, SIDE, high=4), draw(SIDE, SIDE, high=16)
INK, INKED = cmyk()
U32, I16 = draw(SIDE, SIDE, high=2**32, dtype=np.uint32), draw(SIDE, SIDE, high=2**15, dtype=np.int16)
RGB16, RGBA16 = draw(SIDE, SIDE, 3, high=65536, dtype=np.uint16), draw(SIDE, SIDE, 4, high=65536, dtype=np.uint16)
EIGHT = 1.01 / 255  # colours of 16 bits are cut to 8
KEY16 = int(GREY16[0, 0])

FILES = {  # name: bytes, what a person sees (h, w, 3), how near
    "grey 1 bit.png": (png(GREY8 > 99, 1, 0), grey((GREY8 > 99) * 1.0), EXACT),
    "grey 2 bit.png": (png(BITS2, 2, 0), grey(BITS2 / 3), EXACT),
    "grey 4 bit.png": (png(BITS4, 4, 0), grey(BITS4 / 15), EXACT),
    "grey 8 bit.png": (png(GREY8, 8, 0), UP, EXACT),
    "grey 16 bit.png": (png(GREY16, 16, 0), grey(img_as_float(GREY16)), EXACT),
    "colour 8 bit.png": (png(RGB8, 8, 2), img_as_float(RGB8), EXACT),
    "colour 16 bit.png": (png(RGB16, 16, 2), img_as_float(RGB16), EIGHT),
    "grey with alpha.png": (png(np.dstack([GREY8, ALPHA]), 8, 4), white(UP, ALPHA / 255), BYTE),
    "colour with alpha.png": (png(np.dstack([RGB8, ALPHA]), 8, 6), white(RGB8 / 255, ALPHA / 255), BYTE),
    "colour with alpha 16 bit.png": (png(RGBA16, 16, 6), white(RGBA16[..., :3] / 65535, RGBA16[..., 3] / 65535), 2 * EIGHT + BYTE),
    "all transparent.png": (png(np.dstack([RGB8, 0 * ALPHA]), 8, 6), np.ones((SIDE, SIDE, 3)), EXACT),
    "one grey transparent.png": (png(GREY8, 8, 0, chunk(b"tRNS", struct.pack(">H", 7))), grey(np.where(GREY8 == 7, 1, GREY8 / 255)), EXACT),
    "one of four greys transparent.png": (
        png(BITS2, 2, 0, chunk(b"tRNS", struct.pack(">H", 1))),
        grey(np.where(BITS2 == 1, 1, BITS2 / 3)),
        EXACT,
    ),
    "one of two transparent.png": (png(GREY8 > 99, 1, 0, chunk(b"tRNS", struct.pack(">H", 0))), np.ones((SIDE, SIDE, 3)), EXACT),
    "one grey of 16 bits transparent.png": (
        png(GREY16, 16, 0, chunk(b"tRNS", struct.pack(">H", KEY16))),
        grey(np.where(GREY16 == KEY16, 1, GREY16 / 65535)),
        EXACT,
    ),
    "palette with transparency.png": (*palette(), BYTE),
    **{
        f"as a camera stores it, {number}.png": (saved(stored, exif=turned(number)), RGB8 / 255, EXACT) for number, stored in CAMERA.items()
    },
    "turned 16 bit.png": (png(np.rot90(GREY16), 16, 0, chunk(b"eXIf", turned(6).tobytes()[6:])), grey(GREY16 / 65535), EXACT),
    "turned.tif": (tiff(np.rot90(RGB8), photometric="rgb", extratags=[(274, "H", 1, 6, True)]), img_as_float(RGB8), EXACT),
    "flat.jpg": (
        saved(np.full((SIDE, SIDE, 3), (16, 120, 240), np.uint8), "JPEG", quality=100),
        np.full((SIDE, SIDE, 3), (16, 120, 240)) / 255,
        0.02,
    ),
    "two flat halves turned.jpg": (
        saved(
            np.rot90(np.repeat(np.repeat([[[0], [255]]], SIDE // 2, 1), SIDE, 0).astype(np.uint8)[..., 0]),
            "JPEG",
            quality=100,
            exif=turned(6),
        ),
        grey(np.repeat([[0.0] * (SIDE // 2) + [1.0] * (SIDE // 2)], SIDE, 0)),
        0.02,
    ),
    "four inks.tif": (tiff(INK, photometric="separated"), INKED, 2 * BYTE),
    "four inks.jpg": (
        saved(np.full((SIDE, SIDE, 4), (51, 0, 102, 51), np.uint8), "JPEG", mode="CMYK", quality=100),
        np.full((SIDE, SIDE, 3), (0.64, 0.8, 0.48)),
        0.02,
    ),
    "grey 16 bit.tif": (tiff(GREY16), grey(img_as_float(GREY16)), EXACT),
    "grey 16 bit, other end first.tif": (tiff(GREY16, byteorder=">"), grey(img_as_float(GREY16)), EXACT),
    "white is 0, 16 bit.tif": (tiff(GREY16, photometric="miniswhite"), grey(1 - GREY16 / 65535), EXACT),
    "white is 0, 8 bit.tif": (tiff(GREY8, photometric="miniswhite"), 1 - UP, EXACT),
    "grey 16 bit with a sign.tif": (tiff(I16), grey(img_as_float(I16)), EXACT),
    "grey 32 bit.tif": (tiff(U32), grey(img_as_float(U32)), EXACT),
    "grey float.tif": (tiff(FLOAT), grey(img_as_float(FLOAT)), EXACT),
    "grey float, packed.tif": (tiff(FLOAT, compression="zlib"), grey(FLOAT), EXACT),
    "colour with alpha.tif": (
        tiff(np.dstack([RGB8, ALPHA]), photometric="rgb", extrasamples=["unassalpha"]),
        white(RGB8 / 255, ALPHA / 255),
        BYTE,
    ),
    "several pages.tif": (tiff(np.stack([GREY8, 255 - GREY8]), photometric="minisblack"), UP, EXACT),
    "moving.gif": (animated("GIF"), grey(GREY8 // 64 * 64) / 255, EXACT),
    "with a hole.gif": (*gif_with_a_hole(), EXACT),
    "moving.webp": (animated("WEBP"), grey(GREY8 // 64 * 64) / 255, EXACT),
    "colour.bmp": (saved(RGB8, "BMP"), RGB8 / 255, EXACT),
    "grey of 12 bits.pgm": (b"P5 32 32 4095\n" + (GREY16 // 16).astype(">u2").tobytes(), grey(GREY16 // 16 / 4095), 1e-5),
    "a jpeg called.png": (saved(np.full((SIDE, SIDE), 77, np.uint8), "JPEG", quality=100), np.full((SIDE, SIDE, 3), 77 / 255), EXACT),
}


def from_folder(folder, name, data):
    """The picture as the first of two in a picture folder."""
    place = folder / "imagenet" / "val" / "class"
    place.mkdir(parents=True)
    for file in (name, f"{name}-again{name[name.rindex('.') :]}"):
        (place / file).write_bytes(data)
    return DATASETS["imagenet"](size=SIDE).load(folder).victims.take([0])[0][0]


@pytest.mark.parametrize("name", FILES)
def test_both_ways_show_what_a_person_sees(name, tmp_path):
    data, seen, near = FILES[name]
    theirs = seen.transpose(2, 0, 1)
    for picture in (read_upload(data, SHAPE), from_folder(tmp_path, name, data)):
        assert picture.dtype == np.float32 and picture.shape == SHAPE
        np.testing.assert_allclose(picture, theirs, atol=near)
    if np.ptp(seen, axis=2).max() == 0:  # a grey one for a data set of grey pictures
        np.testing.assert_allclose(read_upload(data, (1, SIDE, SIDE)), theirs[:1], atol=near)


BROKEN = {
    "values above white.tif": (tiff(3 * FLOAT), r"values from .* to 2\.9\d+, where 0 is black and 1 is white.*Scale its values to 0 to 1"),
    "values below black.tif": (tiff(-I16), "where 0 is black and 32767 is white"),
    "no number.tif": (tiff(np.where(FLOAT > 0.5, np.nan, FLOAT)), "values from nan"),
    "cut.png": (saved(RGB8)[:-900], "PNG file is broken"),
    "cut.jpg": (saved(RGB8, "JPEG")[:700], "JPEG file is broken"),
    "empty.png": (b"", "empty"),
    "words.jpg": (b"hello", "none of PNG, JPEG"),
    "doubles.tif": (tiff(FLOAT.astype(np.float64)), "TIFF file is broken or of a rare kind.*save it as PNG"),
    "a huge tile.tif": (tiff(GREY8, tile=(16384, 16384), compression="zlib"), "268 megapixels.*Make it smaller"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_both_ways_say_what_is_wrong_and_the_folder_names_the_file(name, tmp_path):
    data, words = BROKEN[name]
    with pytest.raises(UploadError, match=words):
        read_upload(data, SHAPE)
    with pytest.raises(InvvizError, match=words) as caught:
        from_folder(tmp_path, name, data)
    assert str(tmp_path / "imagenet" / "val" / "class" / name) in str(caught.value)


def test_deep_and_transparent_pictures_are_resized_as_others_are(tmp_path):
    """A ramp stays a ramp, whichever way its values are stored; transparent pixels do not shine through at the edges."""
    ramp = np.repeat(np.linspace(0.1, 0.9, 128)[None], 128, 0)
    theirs = ramp.reshape(SIDE, 4, SIDE, 4).mean((1, 3))
    for name, data in (("a.tif", tiff(ramp.astype(np.float32))), ("b.png", png((ramp * 65535).round(), 16, 0))):
        (folder := tmp_path / name).mkdir()
        for picture in (read_upload(data, SHAPE), from_folder(folder, name, data)):
            np.testing.assert_allclose(picture[:, :, 2:-2], np.broadcast_to(theirs, SHAPE)[:, :, 2:-2], atol=2e-4)
    hidden = np.zeros((128, 128, 4), np.uint8)
    hidden[:, 64:] = (255, 255, 255, 255)  # black below what is transparent, beside white
    assert read_upload(saved(hidden), SHAPE).min() == 1


def test_hidden_files_and_folders_are_no_pictures_and_no_classes(tmp_path):
    """`val/.ipynb_checkpoints` was class 0, and shifted all labels."""
    val = tmp_path / "imagenet" / "val"
    for place in (".ipynb_checkpoints", "__MACOSX/n1_tench", "n1_tench", "n1_tench/.thumbs", "n1_tench/more", "n2_shark"):
        (val / place).mkdir(parents=True)
    data = saved(RGB8)
    for file in (".ipynb_checkpoints/a.png", "__MACOSX/n1_tench/a.png", "n1_tench/._a.png", "n1_tench/.thumbs/a.png", ".DS_Store"):
        (val / file).write_bytes(data)
    for file in ("n1_tench/a.png", "n1_tench/b.PNG", "n1_tench/more/c.png", "n2_shark/d.png"):
        (val / file).write_bytes(data)
    (val / "n1_tench" / "notes.txt").write_text("no picture")
    samples = DATASETS["imagenet"](size=SIDE).load(tmp_path)
    assert samples.class_names == ("n1 tench", "n2 shark")
    assert [(part.take([0, 1])[1].tolist(), [p.rsplit("/", 1)[1] for p in part.paths]) for part in (samples.victims, samples.public)] == [
        ([0, 0], ["a.png", "c.png"]),
        ([0, 1], ["b.PNG", "d.png"]),
    ]


def test_a_class_folder_without_pictures_is_named(tmp_path):
    val = tmp_path / "imagenet" / "val"
    for place in ("n1", "n2"):
        (val / place).mkdir(parents=True)
    for file in ("a.png", "b.png"):
        (val / "n2" / file).write_bytes(saved(RGB8))
    with pytest.raises(InvvizError, match="n1 holds no pictures"):
        DATASETS["imagenet"](size=SIDE).load(tmp_path)
