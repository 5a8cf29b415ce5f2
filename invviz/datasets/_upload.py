"""A picture that a person uploads: checked before anything is decoded, then cut to the shape of a data set."""

from __future__ import annotations

import hashlib
import io

import numpy as np
from PIL import Image, ImageOps

from ..core.errors import UploadError
from ._pictures import centre_cut, floats

MAX_BYTES = 5_000_000
MAX_PIXELS = 40_000_000
MAGIC = {"PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff"}
ALLOWED = f"Allowed: one PNG or JPEG picture of at most {MAX_BYTES // 1_000_000} MB and {MAX_PIXELS // 1_000_000} megapixels."


def read_upload(data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """An uploaded picture in the shape of a data set: upright, the centred cut, resized.

    Args:
        data: the bytes of the file; its name is not looked at.
        shape: channels (1 for grey, 3 for colour), height, width.

    Returns:
        (channels, height, width) float32 in [0, 1].

    Raises:
        UploadError: too large, another format, broken; says what was given, what is allowed, what to do.
    """
    if len(data) > MAX_BYTES:
        raise UploadError(f"the file has {len(data) / 1e6:.1f} MB. {ALLOWED} Save a smaller version and upload that.")
    kind = next((kind for kind, magic in MAGIC.items() if data.startswith(magic)), None)
    if kind is None:
        raise UploadError(f"the file is {_guess(data)}. {ALLOWED} Open it in any picture program and save it as PNG.")
    try:
        return floats(_decode(data, kind, shape))
    except UploadError:
        raise
    except Image.DecompressionBombError as err:
        raise UploadError(f"the picture has far too many pixels. {ALLOWED} Make it smaller and upload that.") from err
    except Exception as err:  # Pillow raises many kinds on broken files: OSError, SyntaxError, ValueError, struct.error, zlib.error ...
        raise UploadError(f"the {kind} file is broken ({err}). {ALLOWED} Open it in any picture program and save it again.") from err


def digest(picture: np.ndarray) -> str:
    """16 hex digits that tell pictures apart: of the shape and of the values as float32."""
    values = np.ascontiguousarray(picture, dtype="<f4")
    return hashlib.sha256(repr(values.shape).encode() + values.tobytes()).hexdigest()[:16]


def _decode(data: bytes, kind: str, shape: tuple[int, int, int]) -> Image.Image:
    # Only the named reader is tried; Pillow knows some forty formats, and none of the others has to do with uploads.
    with Image.open(io.BytesIO(data), formats=(kind,)) as picture:
        pixels = picture.width * picture.height
        if pixels > MAX_PIXELS:  # known from the header: nothing has been decoded yet
            raise UploadError(f"the picture has {pixels / 1e6:.0f} megapixels. {ALLOWED} Make it smaller and upload that.")
        ImageOps.exif_transpose(picture, in_place=True)
        small = centre_cut(_plain(picture), *shape[1:])
    if small.mode == "RGBA":  # what lies below transparent pixels is not what the person sees: white is
        small = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small)
    return small.convert("L" if shape[0] == 1 else "RGB")


def _plain(picture: Image.Image) -> Image.Image:
    """The picture in a mode that can be resized: grey, colour, or colour with transparency."""
    if picture.has_transparency_data:
        return picture if picture.mode == "RGBA" else picture.convert("RGBA")
    if picture.mode.startswith("I"):  # 16 bits a pixel, which `convert` would clip at 255
        return Image.fromarray((np.asarray(picture) // 256).astype(np.uint8))
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def _guess(data: bytes) -> str:
    known = {b"GIF8": "a GIF", b"BM": "a BMP", b"II*\0": "a TIFF", b"MM\0*": "a TIFF", b"%PDF": "a PDF", b"RIFF": "a WebP or a sound file"}
    if not data:
        return "empty"
    return next((words for magic, words in known.items() if data.startswith(magic)), "neither PNG nor JPEG")
