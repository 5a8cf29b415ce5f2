"""The one reader of picture files, whether they lie in a folder or were uploaded: what a person sees in them, in the shape of a data set."""

from __future__ import annotations

import contextlib
import io
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

MAGIC = {  # how the files begin whose readers are tried; Pillow knows some forty more, and none of them has to do with pictures like these
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "TIFF": (b"II*\0", b"MM\0*"),
    "WEBP": (b"RIFF",),
    "PPM": (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"),
}
KINDS = "PNG, JPEG, GIF, BMP, TIFF, WebP or PPM"
OTHERS = {b"%PDF": "a PDF", b"\0\0\0": "a film or a HEIC picture", b"<svg": "an SVG", b"<?xml": "an SVG or another XML file"}
BACKGROUND = "white"  # behind transparent pixels
NEAR = 1e-6  # how far a float may lie outside of [0, 1]: rounding
BITS, COMPRESSION, PHOTOMETRIC, TILE, SIGN = 258, 259, 262, (322, 323), 339  # tags of a TIFF
PACKED = (1, 2, 3, 4, 5, 8, 32773, 32946)  # none, fax, LZW, Deflate, PackBits; others hold whole JPEGs, with scans of their own
SIDE = 20_000  # pixels: one that is thin and as long as a road is no picture, and its rows take memory
SCANS = 100  # of a JPEG; cameras write 1, programs that write progressive ones about 10
SCANNED = 400  # megapixels that all scans paint together; about a second
START_OF_SCAN = b"\xff\xda"
ROWS = 256
INKS = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
DOTS = {"L;2": 85, "L;4": 17}  # greys of 2 and 4 bits are spread to 8 when they are read, and the grey that is transparent is not


class Unreadable(Exception):
    """A picture that is not read: `what` was given, and the `remedy`, a command without its full stop."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


def read(file: BinaryIO, shape: tuple[int, int, int], most: int) -> np.ndarray:
    """A picture upright, the first one of several, on white where it is transparent; its largest centred cut, resized.

    Greys of 16 and 32 bits and floats keep their precision; a sample of n bits is a share of its largest value, a float is one of 1. Colours of 16 bits are read as 8.
    Colours are turned into sRGB where the file says which ones they are (an ICC profile); deep greys stay as they are.

    Args:
        file: at its start; the name plays no part.
        shape: channels (1 for grey, 3 for colour), height, width.
        most: pixels that are decoded.

    Returns:
        (channels, height, width) float32 in [0, 1].

    Raises:
        Unreadable: another format, too many pixels, values that have no black and white, broken.
    """
    kind = _kind(file.read(16))
    file.seek(0)
    try:
        with Image.open(file, formats=(kind,)) as picture:
            _check_size(picture, most)
            _check_scans(picture, file)
            small = _in_srgb(centre_cut(_opaque(picture), *shape[1:]), picture.info.get("icc_profile"))
        return floats(small, shape[0])
    except Unreadable:
        raise
    except MemoryError as err:
        raise Unreadable("the picture takes too much memory", "Make it smaller") from err
    except Image.DecompressionBombError as err:
        raise Unreadable("the picture has far too many pixels", "Make it smaller") from err
    except UnidentifiedImageError as err:
        raise Unreadable(
            f"the {kind} file is broken or of a rare kind", "Open it in any picture program and save it as PNG, with 8 or 16 bits"
        ) from err
    except Exception as err:  # Pillow raises many kinds on broken files: OSError, SyntaxError, ValueError, struct.error, zlib.error ...
        raise Unreadable(f"the {kind} file is broken ({err})", "Open it in any picture program and save it again") from err


def centre_cut(picture: Image.Image, height: int, width: int) -> Image.Image:
    """The largest centred cut of that shape, resized with a filter that averages away what the grid cannot hold."""
    scale = min(picture.width / width, picture.height / height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (picture.width - w) // 2, (picture.height - h) // 2
    # Cut, then resize: ImageOps.fit lets the filter look at pixels outside the cut.
    cut = picture if (w, h) == picture.size else picture.crop((left, top, left + w, top + h))
    return cut.resize((width, height), Image.Resampling.BICUBIC)


def floats(picture: Image.Image, channels: int) -> np.ndarray:
    """A picture in mode L, RGB (0 to 255) or F (0 to 1) as (channels, h, w) float32 in [0, 1]."""
    if picture.mode == "F":
        grey = np.asarray(picture, dtype=np.float32).clip(0, 1)[None]  # the filter swings over at edges
        return np.repeat(grey, channels, axis=0)
    array = np.asarray(picture.convert("L" if channels == 1 else "RGB"), dtype=np.float32) / 255
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _kind(start: bytes) -> str:
    kind = next((kind for kind, magics in MAGIC.items() if start.startswith(magics)), None)
    if kind is None or (kind == "WEBP" and start[8:12] != b"WEBP"):
        words = "the file is empty" if not start else f"the file is none of {KINDS}"
        words = next((f"the file is {what}" for magic, what in OTHERS.items() if start.startswith(magic)), words)
        raise Unreadable(words, "Open it in any picture program and save it as PNG")
    return kind


def _check_size(picture: Image.Image, most: int) -> None:
    """From the header alone: nothing has been decoded yet."""
    pixels = picture.width * picture.height
    tile = [_tag(picture, tag, 1) for tag in TILE]  # libtiff makes room for a whole one, however small the picture
    most = most // 2 if picture.format == "WEBP" or picture.mode[0] in "IF" else most  # these take twice the memory
    if max(pixels, tile[0] * tile[1]) > most:
        raise Unreadable(
            f"the picture has {max(pixels, tile[0] * tile[1]) / 1e6:.0f} megapixels, where {most / 1e6:.0f} are read", "Make it smaller"
        )
    if max(picture.size) > SIDE:
        raise Unreadable(
            f"the picture is {picture.width:,} x {picture.height:,}, and a side has at most {SIDE:,} pixels", "Make it smaller"
        )


def _check_scans(picture: Image.Image, file: BinaryIO) -> None:
    """A JPEG paints all over itself with every scan, and a scan takes a few bytes: they are counted, the picture's thumbnails among them."""
    if picture.format == "TIFF" and _tag(picture, COMPRESSION, 1) not in PACKED:
        raise Unreadable("the TIFF file is packed in a way that is not read here", "Save it without compression, or as PNG")
    if picture.format != "JPEG":
        return
    place = file.tell()
    file.seek(0)
    scans, end = 0, b""
    while piece := file.read(1 << 20):
        scans += (end + piece).count(START_OF_SCAN)
        end = piece[-1:]
    file.seek(place)
    work = scans * picture.width * picture.height / 1e6
    if scans > SCANS or work > SCANNED:
        raise Unreadable(
            f"the JPEG paints its {picture.width * picture.height / 1e6:.1f} megapixels in {scans:,} scans",
            "Open it in any picture program and save it again",
        )


def _tag(picture: Image.Image, number: int, default: int) -> int:
    """The first value of a TIFF's tag."""
    found = getattr(picture, "tag_v2", {}).get(number, default)
    return int(found[0] if isinstance(found, tuple) else found)


def _opaque(picture: ImageFile.ImageFile) -> Image.Image:
    """The first frame, upright, with nothing transparent, in mode L, RGB or F."""
    rawmode = next((tile.args if isinstance(tile.args, str) else tile.args[0] for tile in picture.tile if tile.args), "")
    key = picture.info.get("transparency")
    full = 0 if picture.mode[0] not in "IF" else _full(picture)
    inverted = bool(full) and picture.format == "TIFF" and _tag(picture, PHOTOMETRIC, 1) == 0
    ImageOps.exif_transpose(picture, in_place=True)
    if full:
        return _deep(picture, full, inverted, key)
    if rawmode == "RGB;16B" and isinstance(key, tuple):  # of colours of 16 bits the high 8 are read, and so they are here
        picture.info["transparency"] = tuple(value >> 8 for value in key)
    if rawmode in DOTS and isinstance(key, int):
        picture.info["transparency"] = key * DOTS[rawmode]
    if picture.has_transparency_data:  # what lies below transparent pixels is not what a person sees
        coloured = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        below = Image.new("RGB", picture.size, BACKGROUND)
        below.paste(coloured, mask=coloured.getchannel("A"))
        return below
    if picture.mode == "CMYK" and picture.info.get("icc_profile"):
        return picture  # the profile knows these inks
    return picture if picture.mode in ("L", "RGB") else picture.convert("L" if picture.mode == "1" else "RGB")


def _in_srgb(picture: Image.Image, profile: object) -> Image.Image:
    """The picture in the colours of a screen; a profile that is broken or of other inks is passed over."""
    if isinstance(profile, bytes) and picture.mode in INKS:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            given: Any = ImageCms.getOpenProfile(io.BytesIO(profile))
            known = (given.profile.profile_description or "").startswith("sRGB")
            if given.profile.xcolor_space.strip() == INKS[picture.mode] and not known:
                found = ImageCms.profileToProfile(
                    picture, given, ImageCms.createProfile("sRGB"), outputMode="RGB", renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC
                )
                if found is not None:
                    return found
    return picture if picture.mode in ("L", "RGB", "F") else picture.convert("RGB")


def _full(picture: Image.Image) -> float:
    """The value that is white: of floats 1, of n bits the largest one."""
    if picture.mode == "F":
        return 1.0
    bits, signed = _tag(picture, BITS, 16), _tag(picture, SIGN, 1) == 2
    return 2.0 ** (bits - 1 if signed else bits) - 1


def _deep(picture: Image.Image, full: float, inverted: bool, key: object) -> Image.Image:
    """A grey picture of more than 8 bits in mode F, from 0 to 1."""
    values = np.asarray(picture)
    if full == 2.0**32 - 1:
        values = values.view(np.uint32)  # Pillow has no mode for these
    light = np.empty(values.shape, np.float32)
    for top in range(0, len(values), ROWS):  # a division of all at once takes eight bytes a pixel
        light[top : top + ROWS] = values[top : top + ROWS] / np.float32(full)
    low, high = float(light.min()), float(light.max())
    if not (low >= -NEAR and high <= 1 + NEAR):  # also where one is not a number
        black, white = (f"{end:g}" for end in (0.0, full))
        raise Unreadable(
            f"the picture has values from {low * full:g} to {high * full:g}, where {black} is black and {white} is white",
            f"Scale its values to {black} to {white}",
        )
    if inverted:
        np.subtract(1, light, out=light)
    if isinstance(key, int):
        light[values == key] = 1  # on white
    return Image.fromarray(light)
