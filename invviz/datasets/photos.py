"""Tiles of eight colour photographs that come with scikit-image: the data set that is always there."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from PIL import Image

from ..core.component import knob
from ..core.errors import DataMissing, MissingExtra
from ._base import ArrayPictures, Dataset, Samples
from ._pictures import in_memory

Box = tuple[int, int, int]  # left, top, side of a square, in pixels of the photograph


class Photo(NamedTuple):
    """One photograph: where its first victim lies, and the part of it that tiles are cut from."""

    label: str
    file: str
    hero: Box  # chosen by eye: what is in it can still be told at 32 x 32
    frame: tuple[int, int, int, int]  # left, top, right, bottom; tiles stay inside
    cell: int  # side of the other victims; public tiles are 1, 1.4 and 2 times as large


PHOTOS = (
    Photo("astronaut", "astronaut.png", (140, 5, 170), (0, 0, 512, 512), 44),
    Photo("cat", "chelsea.png", (120, 40, 260), (0, 0, 451, 300), 34),
    Photo("coffee", "coffee.png", (110, 0, 340), (0, 0, 600, 400), 44),
    Photo("rocket", "rocket.jpg", (245, 120, 170), (0, 0, 640, 427), 44),
    Photo("motorcycle", "motorcycle_left.png", (300, 80, 400), (0, 0, 741, 500), 44),
    Photo("galaxies", "hubble_deep_field.jpg", (83, 362, 80), (0, 0, 1000, 872), 64),
    Photo("tissue", "ihc.png", (238, 298, 165), (0, 0, 512, 512), 44),
    Photo("retina", "retina.jpg", (90, 480, 330), (210, 210, 1200, 1200), 90),  # the frame leaves the black rim out
)
VICTIMS_EACH = 12
PUBLIC_EACH = 400
SCALES = (1.0, 1.4, 2.0)


@dataclasses.dataclass(frozen=True)
class Photos(Dataset):
    """Tiles of eight colour photographs bundled with scikit-image; the class is the photograph.

    Victims 0 to 7 show one thing each that a person recognises at once. No public tile shares a pixel with a victim.
    """

    name: ClassVar[str] = "photos"
    title: ClassVar[str] = "Photographs"
    paper: ClassVar[str] = "vanderwalt2014skimage"
    channels: ClassVar[int] = 3
    num_classes: ClassVar[int] = len(PHOTOS)
    side: ClassVar[int] = 32
    similar: ClassVar[str] = "cifar10"
    citation: ClassVar[str] = (
        "Sample pictures of scikit-image: public domain, CC0 or without known copyright restrictions; the motorcycle is from "
        "the Middlebury 2014 stereo benchmark. Fine for any use."
    )

    size: int = knob(32, "height and width of a picture", choices=(16, 32, 64), unit="pixels")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (self.channels, self.size, self.size)

    def load(self, data_dir: Path | None) -> Samples:
        """Cut the tiles; needs no folder.

        Raises:
            MissingExtra: scikit-image is not installed.
            DataMissing: its wheel lacks a photograph.
        """
        return _load(self.size)


@functools.lru_cache(maxsize=3)
def _load(size: int) -> Samples:
    folder = _folder()
    victims: list[list[np.ndarray]] = []
    public: list[list[np.ndarray]] = []
    for photo in PHOTOS:
        picture = _open(folder / photo.file)
        boxes = victim_boxes(photo, picture)
        victims.append([_tile(picture, box, size) for box in boxes])
        public.append([_tile(picture, box, size) for box in public_boxes(photo, boxes)])
    return Samples(_interleave(victims), _interleave(public), tuple(photo.label for photo in PHOTOS))


def victim_boxes(photo: Photo, picture: Image.Image) -> list[Box]:
    """The chosen square, then cells spread evenly over the busier half of the rest: a blank wall shows nothing."""
    free = _clear(_grid(photo.frame, photo.cell, photo.cell), [photo.hero])
    grey = np.asarray(picture.convert("L"))
    contrast = [float(grey[top : top + side, left : left + side].var()) for left, top, side in free]
    busy = [box for box, value in zip(free, contrast, strict=True) if value >= sorted(contrast)[len(free) // 2]]
    return [photo.hero, *_spread(busy, VICTIMS_EACH - 1)]


def public_boxes(photo: Photo, victims: list[Box]) -> list[Box]:
    """Overlapping squares of several sizes, none of which touches a victim."""
    sides = [round(photo.cell * scale) for scale in SCALES]
    return _spread(_clear([box for side in sides for box in _grid(photo.frame, side, photo.cell // 5)], victims), PUBLIC_EACH)


def _grid(frame: tuple[int, int, int, int], side: int, step: int) -> list[Box]:
    left, top, right, bottom = frame
    return [(x, y, side) for y in range(top, bottom - side + 1, step) for x in range(left, right - side + 1, step)]


def _clear(boxes: list[Box], taken: list[Box]) -> list[Box]:
    """The squares that share no pixel with any taken one."""
    x, y, side = np.array(boxes).T
    free = np.ones(len(boxes), dtype=bool)
    for left, top, width in taken:
        free &= (x >= left + width) | (x + side <= left) | (y >= top + width) | (y + side <= top)
    return [boxes[k] for k in np.flatnonzero(free)]


def _spread(boxes: list[Box], count: int) -> list[Box]:
    """`count` of them, evenly spaced, so that every class has as many."""
    return [boxes[k * len(boxes) // count] for k in range(count)]


def _tile(picture: Image.Image, box: Box, size: int) -> np.ndarray:
    left, top, side = box
    # Cut first: resize(box=...) would let the filter look at pixels outside, and so at a victim next door.
    cut = picture.crop((left, top, left + side, top + side))
    return np.asarray(cut.resize((size, size), Image.Resampling.LANCZOS)).transpose(2, 0, 1)


def _interleave(groups: list[list[np.ndarray]]) -> ArrayPictures:
    """One of each class in turn, so that a batch of neighbours has different labels."""
    images = np.stack([tile for row in zip(*groups, strict=True) for tile in row])
    labels = np.tile(np.arange(len(groups), dtype=np.int64), len(groups[0]))
    return in_memory(images, labels)


def _folder() -> Path:
    spec = importlib.util.find_spec("skimage")  # finds the package without importing it
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("the data set photos is cut from pictures of scikit-image, which is not installed; `pip install scikit-image`.")
    return Path(spec.submodule_search_locations[0]) / "data"


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except OSError as err:
        raise DataMissing(
            f"the data set photos needs {path}, which cannot be read ({err}); `pip install --force-reinstall scikit-image` brings it back."
        ) from None
