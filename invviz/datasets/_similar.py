"""Pictures of another data set of the same kind, brought to a size and number of channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ._base import Dataset


def pictures_like(other: Dataset, shape: tuple[int, int, int], data_dir: Path | None, most: int) -> np.ndarray:
    """Public pictures of a data set, evenly spread over those that there are, in another one's shape.

    Args:
        other: whose pictures are taken; of one that has a size knob the nearest size.
        shape: wanted channels (1 or 3), height, width.
        data_dir: the folder with data sets.
        most: pictures, at most.

    Returns:
        Shape (n, c, h, w), float32 in [0, 1].

    Raises:
        DataMissing: the other set is not on this machine.
    """
    channels, height, width = shape
    sizes = next((knob.choices for knob in other.knobs() if knob.name == "size"), ())
    if sizes:
        other = other.replace(size=min(sizes, key=lambda size: abs(int(size) - height)))
    public = other.load(data_dir).public
    images, _ = public.take(np.linspace(0, len(public) - 1, min(most, len(public))).astype(int).tolist())
    if images.shape[1:] == shape:
        return images
    return np.stack([_fitted(image, channels, height, width) for image in images])


def _fitted(image: np.ndarray, channels: int, height: int, width: int) -> np.ndarray:
    bytes_ = np.rint(255 * image).astype(np.uint8)
    picture = Image.fromarray(bytes_[0]) if len(bytes_) == 1 else Image.fromarray(bytes_.transpose(1, 2, 0))
    fitted = (
        np.asarray(picture.convert("L" if channels == 1 else "RGB").resize((width, height), Image.Resampling.LANCZOS), np.float32) / 255
    )
    return fitted[None] if channels == 1 else fitted.transpose(2, 0, 1)
