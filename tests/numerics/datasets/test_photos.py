"""The bundled data sets: photographs and digits."""

import numpy as np
import pytest
from PIL import Image

from invviz.datasets import DATASETS
from invviz.datasets import photos as module
from invviz.datasets._base import Samples


def boxes(photo: module.Photo) -> tuple[list[module.Box], list[module.Box]]:
    victims = module.victim_boxes(photo, module._open(module._folder() / photo.file))
    return victims, module.public_boxes(photo, victims)


@pytest.mark.parametrize("photo", module.PHOTOS, ids=lambda photo: photo.label)
def test_no_public_tile_shares_a_pixel_with_a_victim(photo: module.Photo) -> None:
    with Image.open(module._folder() / photo.file) as picture:
        seen = np.zeros((picture.height, picture.width), dtype=bool)
    victims, public = boxes(photo)
    for left, top, side in victims:
        seen[top : top + side, left : left + side] = True
    assert [box for box in public if seen[box[1] : box[1] + box[2], box[0] : box[0] + box[2]].any()] == []


@pytest.mark.parametrize("photo", module.PHOTOS, ids=lambda photo: photo.label)
def test_tiles_lie_inside_and_none_comes_twice(photo: module.Photo) -> None:
    with Image.open(module._folder() / photo.file) as picture:
        width, height = picture.size
    victims, public = boxes(photo)
    for left, top, side in victims + public:
        assert left >= 0 and top >= 0 and left + side <= width and top + side <= height
    assert len(set(victims)) == module.VICTIMS_EACH and len(set(public)) == module.PUBLIC_EACH
    assert len({box[2] for box in public}) >= 2  # several scales


def test_a_changed_victim_changes_no_public_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even through the resize filter."""
    before = module._load.__wrapped__(16)
    real = module._open
    photo = module.PHOTOS[0]
    victims, _ = boxes(photo)

    def painted(path: object) -> Image.Image:
        picture = real(path)
        if str(path).endswith(photo.file):
            for left, top, side in victims[:1]:
                picture.paste((0, 255, 0), (left, top, left + side, top + side))
        return picture

    monkeypatch.setattr(module, "_open", painted)
    monkeypatch.setattr(module, "victim_boxes", lambda p, picture: victims if p is photo else boxes_of(p, real))
    after = module._load.__wrapped__(16)
    assert (before.victims.images[0] != after.victims.images[0]).any()
    np.testing.assert_array_equal(before.public.images, after.public.images)


def boxes_of(photo: module.Photo, opened: object) -> list[module.Box]:
    return ORIGINAL(photo, opened(module._folder() / photo.file))


ORIGINAL = module.victim_boxes


@pytest.mark.parametrize("size", [16, 32, 64])
def test_photos_shapes_and_balance(size: int) -> None:
    data = DATASETS["photos"](size=size)
    samples = data.load(None)
    images, labels = samples.victims.take(range(len(samples.victims)))
    assert data.shape == (3, size, size) == images.shape[1:]
    assert images.dtype == np.float32 and images.min() >= 0 and images.max() <= 1
    assert labels[:8].tolist() == list(range(8))  # one telling victim of each class first
    assert np.bincount(labels).tolist() == [module.VICTIMS_EACH] * 8
    assert np.bincount(samples.public.labels).tolist() == [module.PUBLIC_EACH] * 8
    assert len(samples.class_names) == data.num_classes


SEEN = {  # read off the photographs by eye: what must be in the first victim of each
    "astronaut": [(190, 40), (260, 40), (225, 150)],  # hair, hair, chin
    "cat": [(170, 115), (322, 130), (258, 243)],  # eyes, nose
    "coffee": [(180, 60), (410, 60), (290, 200), (360, 280)],  # rim, rim, cup, spoon
    "rocket": [(322, 128), (322, 200)],  # tip, body
    "motorcycle": [(530, 155), (640, 395), (470, 210)],  # lamp, front wheel, tank
    "galaxies": [(123, 402)],  # the large spiral
    "tissue": [(318, 320), (318, 450), (260, 385)],  # a whole gland
    "retina": [(255, 640)],  # where the nerve leaves
}


@pytest.mark.parametrize("photo", module.PHOTOS, ids=lambda photo: photo.label)
def test_the_first_victims_show_what_they_should(photo: module.Photo) -> None:
    left, top, side = photo.hero
    assert all(left < x < left + side and top < y < top + side for x, y in SEEN[photo.label])


def test_every_label_names_the_photograph_that_its_tile_comes_from() -> None:
    samples = DATASETS["photos"](size=16).load(None)
    for label, photo in enumerate(module.PHOTOS):
        with Image.open(module._folder() / photo.file) as opened:
            picture = np.asarray(opened.convert("RGB")) / 255
        for part, places in zip((samples.victims, samples.public), boxes(photo), strict=True):
            means = np.array([picture[top : top + side, left : left + side].mean((0, 1)) for left, top, side in places])
            tiles = part.take(np.flatnonzero(part.labels == label))[0].mean((2, 3))
            assert np.abs(tiles - means).max() < 0.03


def test_first_victim_is_the_astronauts_face() -> None:
    """Against a reader of its own: block means of the photograph's pixels."""
    from skimage.data import astronaut

    left, top, side = module.PHOTOS[0].hero
    face = astronaut()[top : top + side, left : left + side].astype(float) / 255
    edges = np.linspace(0, side, 17).round().astype(int)
    means = np.add.reduceat(np.add.reduceat(face, edges[:-1], 0), edges[:-1], 1)
    means /= (np.diff(edges)[:, None] * np.diff(edges)[None, :])[..., None]
    tile = DATASETS["photos"](size=16).load(None).victims.take([0])[0][0]
    assert np.abs(tile - means.transpose(2, 0, 1)).mean() < 0.03


@pytest.mark.parametrize("name", ["photos", "digits"])
def test_loading_again_is_the_same_and_cannot_be_spoilt(name: str) -> None:
    first, second = DATASETS[name]().load(None), DATASETS[name]().load(None)
    assert isinstance(first, Samples) and first is second
    images, _ = first.victims.take([0])
    images[:] = 0.5  # a copy: the next reader must not see it
    assert not np.array_equal(first.victims.take([0])[0], images)
    with pytest.raises(ValueError, match="read-only"):
        first.victims.images[0] = 0


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    raw = load_digits()
    samples = DATASETS["digits"]().load(None)
    assert (len(samples.victims), len(samples.public)) == (500, 1297)
    images = np.concatenate([samples.victims.take(range(500))[0], samples.public.take(range(1297))[0]])
    labels = np.concatenate([samples.victims.labels, samples.public.labels])
    found = sorted((np.rint(image[0] * 16).astype(int).ravel().tolist(), int(label)) for image, label in zip(images, labels, strict=True))
    assert found == sorted((image.astype(int).tolist(), int(label)) for image, label in zip(raw.data, raw.target, strict=True))
    assert np.bincount(samples.victims.labels, minlength=10).min() >= 30  # every digit is there


def test_importing_the_data_sets_imports_no_torch_nor_does_reading_what_scikit_learn_bundles() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from invviz.datasets import DATASETS; [DATASETS[name]().load(None) for name in ('digits', 'wine', 'breast_cancer')];"
    )
    code += "print(sorted(m for m in ('torch', 'torchvision', 'sklearn', 'skimage', 'scipy', 'pandas') if m in sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
