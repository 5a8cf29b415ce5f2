"""Data sets in torchvision's files, each against a reader of its own."""

import gzip
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from invviz.core.errors import DataMissing, InvvizError
from invviz.datasets import DATASETS, check
from invviz.datasets.cifar10 import Cifar10
from invviz.datasets.mnist import Mnist

FOLDERS = ["cifar10", "svhn", "stl10", "mnist", "imagenet"]


@pytest.fixture(scope="module")
def data() -> Path:
    folder = os.environ.get("INVVIZ_DATA")
    if not folder:
        pytest.skip("needs real data: set INVVIZ_DATA to the folder with data sets, e.g. INVVIZ_DATA=../shared/data")
    return Path(folder)


def bytes_of(pictures: object) -> tuple[np.ndarray, np.ndarray]:
    images, labels = pictures.take(range(len(pictures)))
    return np.rint(images * 255).astype(np.uint8), labels


def test_cifar10(data: Path) -> None:
    samples = DATASETS["cifar10"]().load(data)
    folder = data / "cifar10" / "cifar-10-batches-py"
    raw = [pickle.loads((folder / file).read_bytes(), encoding="bytes") for file in ("test_batch", "data_batch_1", "data_batch_5")]
    images, labels = bytes_of(samples.victims)
    np.testing.assert_array_equal(images.reshape(len(images), -1), raw[0][b"data"])
    assert labels.tolist() == raw[0][b"labels"]
    images, labels = bytes_of(samples.public)
    n, m = len(raw[1][b"data"]), len(raw[2][b"data"])
    np.testing.assert_array_equal(images[:n].reshape(n, -1), raw[1][b"data"])
    np.testing.assert_array_equal(images[-m:].reshape(m, -1), raw[2][b"data"])
    assert labels[:n].tolist() == raw[1][b"labels"] and labels[-m:].tolist() == raw[2][b"labels"]
    names = pickle.loads((folder / "batches.meta").read_bytes(), encoding="bytes")[b"label_names"]
    assert list(samples.class_names) == [name.decode() for name in names]
    if len(images) == 5000:
        assert samples.note == "cut-down copy: 1,000 of 10,000 test and 5,000 of 50,000 training pictures"


def test_svhn(data: Path) -> None:
    import scipy.io

    samples = DATASETS["svhn"]().load(data)
    for split, pictures in (("test", samples.victims), ("train", samples.public)):
        raw = scipy.io.loadmat(data / "svhn" / f"{split}_32x32.mat")
        images, labels = bytes_of(pictures)
        assert labels.tolist() == [int(label) % 10 for label in raw["y"].ravel()]  # the files call the digit 0 "10"
        for k in range(len(images)):
            np.testing.assert_array_equal(images[k], np.moveaxis(raw["X"][..., k], 2, 0))


def test_stl10(data: Path) -> None:
    folder = data / "stl10" / "stl10_binary"
    samples = DATASETS["stl10"]().load(data)
    if (folder / "test_X.bin").exists():
        pytest.skip("this copy has a test part; the split of a copy without one cannot be tested on it")
    raw = np.fromfile(folder / "train_X.bin", np.uint8).reshape(-1, 3, 96, 96).swapaxes(2, 3)  # columns come first in the file
    label = np.fromfile(folder / "train_y.bin", np.uint8).astype(int) - 1
    names = (folder / "class_names.txt").read_text().split()
    for pictures, start in ((samples.victims, 0), (samples.public, 1)):
        images, labels = bytes_of(pictures)
        np.testing.assert_array_equal(images, raw[start::2])
        assert labels.tolist() == label[start::2].tolist()
    assert list(samples.class_names) == names
    assert "no test part" in samples.note


def test_mnist(data: Path) -> None:
    samples = DATASETS["mnist"]().load(data)
    for part, pictures in (("t10k", samples.victims), ("train", samples.public)):
        raw = np.fromfile(data / f"mnist/MNIST/raw/{part}-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 1, 28, 28)
        images, labels = bytes_of(pictures)
        np.testing.assert_array_equal(images, raw)
        assert labels.tolist() == np.fromfile(data / f"mnist/MNIST/raw/{part}-labels-idx1-ubyte", np.uint8)[8:].tolist()


RAW = "MNIST/raw"


def small_mnist(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """A copy of two victims and three public pictures; the victims and their labels."""
    (folder / RAW).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", 3), ("t10k", 2)):
        images, labels = rng.integers(0, 256, (n, 28, 28), np.uint8), np.arange(n, dtype=np.uint8)
        heads = (bytes([0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 28, 0, 0, 0, 28]), bytes([0, 0, 8, 1, 0, 0, 0, n]))
        (folder / RAW / f"{part}-images-idx3-ubyte").write_bytes(heads[0] + images.tobytes())
        (folder / RAW / f"{part}-labels-idx1-ubyte").write_bytes(heads[1] + labels.tobytes())
    return images[:, None], labels


def pack(file: Path) -> None:
    file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()


@pytest.mark.parametrize("which", ["t10k-images", "labels", "ubyte"])
def test_mnist_is_read_as_it_is_published_packed(which: str, tmp_path: Path) -> None:
    images, labels = small_mnist(tmp_path / "mnist")
    for file in list((tmp_path / "mnist" / RAW).glob(f"*{which}*")):
        pack(file)
    found = bytes_of(DATASETS["mnist"]().load(tmp_path).victims)
    np.testing.assert_array_equal(found[0], images)
    assert found[1].tolist() == labels.tolist()
    assert "2 victims and 3 public pictures" in check("mnist", tmp_path)[1]


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "bomb", "long", "bytes"])
@pytest.mark.parametrize("packed", [True, False])
def test_broken_mnist_files_are_refused_in_words(damage: str, packed: bool, tmp_path: Path) -> None:
    small_mnist(tmp_path)
    file = tmp_path / RAW / "t10k-images-idx3-ubyte"
    whole = file.read_bytes()
    body = {"bomb": whole + bytes(60_000_000), "long": whole + b"\0", "bytes": b"\0\0\x08"}.get(damage, whole)
    file.write_bytes(body)
    if packed:
        pack(file)
        file = file.with_name(file.name + ".gz")
    kept = file.read_bytes()
    if damage in ("empty", "cut", "text"):
        file.write_bytes({"empty": b"", "cut": kept[: len(kept) // 2], "text": b"hello, this is no data set"}[damage])
    with pytest.raises(InvvizError, match=r"copy of MNIST .* is broken" + (".*more than 54,880,016 bytes" if damage == "bomb" else "")):
        DATASETS["mnist"]().load(tmp_path)


@pytest.mark.parametrize("name", ["cifar10", "stl10"])
def test_an_archive_that_lies_there_is_named_with_what_to_do(name: str, tmp_path: Path) -> None:
    kind = DATASETS[name]
    (tmp_path / kind.archive).write_bytes(b"")
    with pytest.raises(
        DataMissing, match=f"There is {kind.archive}: move it to {tmp_path / name}, then `python -m invviz data download {name}`"
    ):
        kind().load(tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / kind.archive).rename(tmp_path / name / kind.archive)
    with pytest.raises(
        DataMissing, match=f"There is {kind.archive}: `python -m invviz data download {name}` unpacks it there and fetches nothing"
    ):
        kind().load(tmp_path)


@pytest.mark.parametrize("size", [32, 224])
def test_imagenet(data: Path, size: int) -> None:
    samples = DATASETS["imagenet"](size=size).load(data)
    files = sorted((data / "imagenet" / "val").glob("*/*"))
    classes = sorted({file.parent.name for file in files})
    for pictures, start in ((samples.victims, 0), (samples.public, 1)):
        assert len(pictures) == len(files[start::2])
        images, labels = pictures.take([0, 5, 7])
        assert images.shape == (3, 3, size, size) and images.dtype == np.float32
        for k, row in enumerate((0, 5, 7)):
            file = files[start::2][row]
            assert labels[k] == classes.index(file.parent.name)
            with Image.open(file) as picture:  # resize first, then cut: the other order of the same thing
                w, h = picture.size
                scale = size / min(w, h)
                resized = picture.convert("RGB").resize((round(w * scale), round(h * scale)), Image.Resampling.BICUBIC)
            x, y = (resized.width - size) // 2, (resized.height - size) // 2
            theirs = np.asarray(resized)[y : y + size, x : x + size].transpose(2, 0, 1) / 255
            assert np.abs(images[k] - theirs).mean() < 0.03
    assert samples.class_names[0] == "tench"


def test_a_broken_picture_is_named(data: Path, tmp_path: Path) -> None:
    val = tmp_path / "imagenet" / "val" / "n01440764_tench"
    val.mkdir(parents=True)
    for name in ("a.jpg", "b.jpg"):
        (val / name).write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    samples = DATASETS["imagenet"]().load(tmp_path)
    with pytest.raises(InvvizError, match=r"a\.jpg"):
        samples.victims.take([0])


@pytest.mark.parametrize("name", FOLDERS)
def test_missing_says_where_and_how(name: str, tmp_path: Path) -> None:
    how = "image-net.org" if name == "imagenet" else f"python -m invviz data download {name}"
    for folder in (None, tmp_path):
        with pytest.raises(DataMissing) as caught:
            DATASETS[name]().load(folder)
        text = str(caught.value)
        assert how in text and "INVVIZ_DATA" in text and "data_dir=DIR" in text
        assert folder is None or (str(tmp_path / name) in text and f"- {tmp_path}:" in text)


@pytest.mark.parametrize("name", FOLDERS)
def test_the_folder_itself_may_be_named(name: str, data: Path) -> None:
    """As torchvision lays it out: the files right in the named folder."""
    ours, theirs = DATASETS[name]().load(data), DATASETS[name]().load(data / name)
    np.testing.assert_array_equal(ours.victims.take([0, 1])[0], theirs.victims.take([0, 1])[0])


@pytest.mark.parametrize("name", FOLDERS)
def test_check_lists_folder_numbers_and_note(name: str, data: Path) -> None:
    samples = DATASETS[name]().load(data)
    lines = check(name, data)
    assert str(data.absolute() / name) in lines[0]
    assert f"{len(samples.victims):,}" in lines[1] and f"{len(samples.public):,}" in lines[1]
    assert lines[2] == (samples.note or "the published data set")


@pytest.mark.parametrize("damage", ["empty", "cut", "text"])
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cifar10", "cifar-10-batches-py/test_batch"),
        ("svhn", "test_32x32.mat"),
        ("stl10", "stl10_binary/train_X.bin"),
        ("stl10", "stl10_binary/train_y.bin"),
        ("mnist", "MNIST/raw/t10k-images-idx3-ubyte"),
        ("mnist", "MNIST/raw/t10k-labels-idx1-ubyte"),
    ],
)
def test_broken_files_are_refused_in_words(name: str, file: str, damage: str, data: Path, tmp_path: Path) -> None:
    kind = DATASETS[name]
    for part in (*kind.needed, *kind.optional):
        if (data / name / part).exists():
            (tmp_path / name / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(data / name / part, tmp_path / name / part)
    kind().load(tmp_path)  # whole, it loads: also shows that the cache does not hide the damage
    whole = (tmp_path / name / file).read_bytes()
    (tmp_path / name / file).write_bytes({"empty": b"", "cut": whole[: len(whole) // 2 + 1], "text": b"hello, this is no data set"}[damage])
    with pytest.raises(InvvizError, match="broken"):
        kind().load(tmp_path)


def test_labels_out_of_range_are_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "stl10_binary").mkdir()
    shutil.copy(data / "stl10" / "stl10_binary" / "train_X.bin", tmp_path / "stl10_binary")
    labels = bytearray((data / "stl10" / "stl10_binary" / "train_y.bin").read_bytes())
    labels[0] = 0  # a victim without a class
    (tmp_path / "stl10_binary" / "train_y.bin").write_bytes(labels)
    with pytest.raises(InvvizError, match=r"broken .*labels from"):
        DATASETS["stl10"]().load(tmp_path)


def test_note_tells_cut_from_changed() -> None:
    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((count, 0)), np.zeros(count)

    assert Cifar10.note_on(part(10_000), part(50_000), same=True) == ""
    assert "changed" in Cifar10.note_on(part(10_000), part(50_000), same=False)
    assert Mnist.note_on(part(10_000), part(7), same=True) == "cut-down copy: 10,000 of 10,000 test and 7 of 60,000 training pictures"


def test_repeated_loads_are_the_same_object(data: Path) -> None:
    first = DATASETS["mnist"]().load(data)
    assert DATASETS["mnist"](index=3).load(data) is first
