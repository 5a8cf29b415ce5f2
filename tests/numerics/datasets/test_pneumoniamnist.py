"""PneumoniaMNIST against the raw bytes of its file, and against files that are not it."""

from __future__ import annotations

import ast
import hashlib
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from invviz.core.errors import DataMissing, InvvizError
from invviz.datasets import DATASETS, check, download
from invviz.datasets import pneumoniamnist as module

KIND = DATASETS["pneumoniamnist"]


@pytest.fixture(scope="module")
def file() -> Path:
    folder = os.environ.get("INVVIZ_DATA")
    if not folder or not (Path(folder) / "medmnist" / "pneumoniamnist.npz").is_file():
        pytest.skip("needs real data: set INVVIZ_DATA to a folder with medmnist/pneumoniamnist.npz")
    return Path(folder) / "medmnist" / "pneumoniamnist.npz"


def raw(file: Path, member: str) -> np.ndarray:
    """One array of the archive, read without np.load: header by hand, then bytes."""
    with zipfile.ZipFile(file) as packed:
        body = packed.read(f"{member}.npy")
    length = int.from_bytes(body[8:10], "little")
    header = ast.literal_eval(body[10 : 10 + length].decode())
    assert header["descr"] == "|u1" and not header["fortran_order"]
    return np.frombuffer(body[10 + length :], np.uint8).reshape(header["shape"])


def bytes_of(pictures) -> tuple[np.ndarray, np.ndarray]:
    images, labels = pictures.take(range(len(pictures)))
    return np.rint(images * 255).astype(np.uint8), labels


def test_it_is_the_file(file: Path) -> None:
    samples = KIND().load(file.parents[1])
    for split, pictures, count in (("test", samples.victims, (234, 390)), ("train", samples.public, (1214, 3494))):
        images, labels = bytes_of(pictures)
        np.testing.assert_array_equal(images[:, 0], raw(file, f"{split}_images"))
        np.testing.assert_array_equal(labels, raw(file, f"{split}_labels")[:, 0])
        assert tuple(np.bincount(labels)) == count, "normal and pneumonia, as published"
    assert samples.class_names == ("normal", "pneumonia")


def test_the_note_says_whether_it_is_the_published_file(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    same = hashlib.md5(file.read_bytes()).hexdigest() == module.MD5
    note = KIND().load(file.parents[1]).note
    assert (note == "") == same
    assert note == "" or "changed copy" in note
    monkeypatch.setattr(module, "MD5", hashlib.md5(file.read_bytes()).hexdigest())
    (tmp_path / "medmnist").symlink_to(file.parent)
    assert KIND().load(tmp_path).note == ""


def test_it_is_found_in_three_places(file: Path, tmp_path: Path) -> None:
    for place in ("medmnist", "pneumoniamnist", ""):
        folder = tmp_path / f"root{place}" / place
        folder.mkdir(parents=True)
        (folder / file.name).symlink_to(file)
        assert KIND.find(tmp_path / f"root{place}") == folder
    assert str(file.parent) in check("pneumoniamnist", file.parents[1])[0]


def test_missing_says_where_and_how(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(DataMissing) as caught:
            KIND().load(folder)
        text = str(caught.value)
        assert "data download pneumoniamnist" in text and "INVVIZ_DATA" in text and "data_dir=DIR" in text
        assert folder is None or str(tmp_path) in text


def test_a_download_fetches_it_or_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from invviz.datasets import _files

    monkeypatch.setattr(_files, "fetch", lambda *args: (_ for _ in ()).throw(InvvizError(f"no network for {module.URL}")))
    with pytest.raises(InvvizError, match="zenodo"):
        download("pneumoniamnist", tmp_path)


def small(**changes) -> dict[str, np.ndarray]:
    arrays = {}
    for split, n in (("train", 5), ("val", 2), ("test", 3)):
        arrays[f"{split}_images"] = np.full((n, 28, 28), n, np.uint8)
        arrays[f"{split}_labels"] = np.zeros((n, 1), np.uint8)
    return {**arrays, **changes}


def test_a_cut_copy_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / module.FILE, **small())
    samples = KIND().load(tmp_path)
    assert samples.note == "cut-down copy: 3 of 624 test and 5 of 4,708 training pictures"
    assert float(samples.victims.take([2])[0].max()) == pytest.approx(3 / 255)


@pytest.mark.parametrize(
    "changes",
    [
        {"test_labels": np.full((3, 1), 2, np.uint8)},
        {"test_labels": np.zeros((2, 1), np.uint8)},
        {"test_labels": np.zeros((3, 2), np.uint8)},
        {"train_labels": np.zeros((5, 1))},
        {"train_images": np.zeros((5, 28, 28))},
        {"train_images": np.zeros((5, 28, 28, 3), np.uint8)},
        {"train_images": np.zeros((5, 32, 32), np.uint8)},
        {"test_images": np.zeros((0, 28, 28), np.uint8), "test_labels": np.zeros((0, 1), np.uint8)},
        {"test_images": np.array([{"a": "pickle"}], dtype=object)},
    ],
    ids=str,
)
def test_a_wrong_file_is_refused_in_words(tmp_path: Path, changes: dict) -> None:
    np.savez(tmp_path / module.FILE, **small(**changes))
    with pytest.raises(InvvizError, match="broken"):
        KIND().load(tmp_path)


class Mine:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_nothing_in_the_file_is_run(tmp_path: Path) -> None:
    np.savez(tmp_path / module.FILE, **small(test_images=np.array([Mine(tmp_path / "run")], dtype=object)))
    with pytest.raises(InvvizError, match="broken"):
        KIND().load(tmp_path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("damage", [b"", b"hello, this is no archive", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / module.FILE).write_bytes(damage)
    with pytest.raises(InvvizError, match="broken"):
        KIND().load(tmp_path)


def test_an_array_that_is_absent_is_refused(tmp_path: Path) -> None:
    arrays = small()
    del arrays["test_labels"]
    np.savez(tmp_path / module.FILE, **arrays)
    with pytest.raises(InvvizError, match="broken"):
        KIND().load(tmp_path)
