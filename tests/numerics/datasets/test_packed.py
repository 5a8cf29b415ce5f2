"""Every data set that is read from files takes them as NAME.gz, too: small made-up copies, as they are and packed."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from invviz.core.errors import InvvizError
from invviz.core.torchvision import load_torchvision
from invviz.datasets import DATASETS, check

PERSON = "{}, Private, 1, HS-grad, 9, Divorced, Sales, Husband, White, Male, 0, 0, 40, Cuba, {}\n"


def some(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, np.uint8)


def adult(place: Path) -> None:
    for name, end in (("adult.data", ""), ("adult.test", ".")):
        (place / name).write_text("".join(PERSON.format(20 + k, ("<=50K", ">50K")[k % 2] + end) for k in range(4)))


def cifar10(place: Path) -> None:
    place = place / "cifar-10-batches-py"
    place.mkdir()
    for name in ("test_batch", *(f"data_batch_{k}" for k in range(1, 6))):
        (place / name).write_bytes(pickle.dumps({"data": some(2, 3072), "labels": [3, 4]}))
    (place / "batches.meta").write_bytes(pickle.dumps({"label_names": list(DATASETS["cifar10"].labels)}))


def mnist(place: Path) -> None:
    place = place / "MNIST" / "raw"
    place.mkdir(parents=True)
    for part in ("t10k", "train"):
        (place / f"{part}-images-idx3-ubyte").write_bytes(
            bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + some(2, 784).tobytes()
        )
        (place / f"{part}-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 6]))


def pneumoniamnist(place: Path) -> None:
    parts = {f"{split}_images": some(2, 28, 28) for split in ("train", "val", "test")}
    np.savez(place / "pneumoniamnist.npz", **parts, **{name.replace("images", "labels"): np.array([[0], [1]]) for name in parts})


def stl10(place: Path) -> None:
    place = place / "stl10_binary"
    place.mkdir()
    for part in ("train", "test"):
        (place / f"{part}_X.bin").write_bytes(some(2, 27648).tobytes())
        (place / f"{part}_y.bin").write_bytes(bytes([1, 10]))


def gunpoint(place: Path) -> None:
    lines = [",".join(map(str, some(150) / 128)) + f":{k % 2 + 1}" for k in range(4)]
    for part in ("TEST", "TRAIN"):
        (place / f"GunPoint_{part}.ts").write_text("\n".join(["@data", *lines]))


def svhn(place: Path) -> None:
    for part in ("train", "test"):
        savemat(place / f"{part}_32x32.mat", {"X": some(32, 32, 3, 2), "y": np.array([[10], [3]], np.uint8)})


@pytest.fixture(autouse=True)
def made_up_names_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchvision holds batches.meta to its published checksum."""
    monkeypatch.setattr(load_torchvision().datasets.cifar, "check_integrity", lambda *_: True)


MAKERS = {f.__name__: f for f in (adult, cifar10, gunpoint, mnist, pneumoniamnist, stl10, svhn)}
FOLDERS = [name for name, kind in DATASETS.items() if kind.needs_folder]


def test_every_data_set_of_files_is_here() -> None:
    assert sorted([*MAKERS, "imagenet", "own_text"]) == sorted(FOLDERS), "these two are folders of files that a person made, unpacked"


def pack(path: Path) -> None:
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


@pytest.mark.parametrize("every", [True, False], ids=["all", "one"])
@pytest.mark.parametrize("name", MAKERS)
def test_packed_files_are_read_like_plain_ones(name: str, every: bool, tmp_path: Path) -> None:
    place = tmp_path / name
    place.mkdir()
    MAKERS[name](place)
    plain = DATASETS[name]().load(tmp_path)
    files = sorted(p for p in place.rglob("*") if p.is_file())
    for file in files if every else files[:1]:
        pack(file)
    found, before = DATASETS[name]().load(tmp_path), sorted(place.rglob("*"))
    for part in ("victims", "public"):
        one, other = (getattr(samples, part).take(range(2)) for samples in (found, plain))
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    assert found.note == plain.note and "found in" in check(name, tmp_path)[0]
    assert sorted(place.rglob("*")) == before, "nothing is written there"


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "bomb"])
@pytest.mark.parametrize("name", MAKERS)
def test_damaged_packed_files_are_refused_in_words(name: str, damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / name
    place.mkdir()
    MAKERS[name](place)
    file = next(p for p in place.rglob("*") if p.is_file() and "label" not in p.name and "meta" not in p.name)
    if damage == "bomb":
        monkeypatch.setattr(DATASETS[name], "largest", 1)
    pack(file)
    packed = file.with_name(file.name + ".gz")
    kept = packed.read_bytes()
    packed.write_bytes({"empty": b"", "cut": kept[: len(kept) // 2], "text": b"hello, no gzip at all"}.get(damage, kept))
    with pytest.raises(InvvizError, match=r"copy of .* is broken" + (".*more than 1 bytes" if damage == "bomb" else "")):
        DATASETS[name]().load(tmp_path)
