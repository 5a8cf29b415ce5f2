"""Getting data sets and saying what is there: what `python -m invviz data` does. Nothing is downloaded unless asked."""

from __future__ import annotations

import dataclasses
import filecmp
import gzip
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.errors import DataMissing, InvvizError
from ..core.torchvision import load_torchvision
from ._base import Dataset
from ._fetch import Progress, fetch


@dataclasses.dataclass(frozen=True)
class Remote:
    """One published file: mirrors to try in turn, its name below the data set's folder, its checksum."""

    urls: tuple[str, ...]
    file: str
    md5: str


def download(name: str, data_dir: Path, progress: Progress | None = None) -> None:
    """Download a data set into DATA_DIR/NAME, verify it and unpack it; a complete copy is left as it is.

    Args:
        name: cifar10, svhn, stl10, mnist, pneumoniamnist or adult.
        data_dir: the folder with data sets; made where it is missing.
        progress: told (bytes so far, bytes in all or None); starts again with each file of the data set.

    Raises:
        InvvizError: not downloadable, another copy is in the way, no network, disk full, wrong checksum; says what to do.
    """
    kind = _kind(name)
    if name not in REMOTES:
        raise InvvizError(getattr(kind, "how_to_get", "") or f"{kind.title} comes with invviz; there is nothing to download.")
    folder = Path(data_dir).absolute() / name
    if _in_place(kind, Path(data_dir)):
        return
    remotes = REMOTES[name](load_torchvision().datasets)
    for remote in remotes:
        _fetch_any(remote, folder / remote.file, progress)
    for remote in remotes:
        _unpack(folder / remote.file)


def check(name: str, data_dir: Path | None) -> list[str]:
    """What is there: the folder, how many pictures or rows, whether it is the published data set.

    Raises:
        DataMissing: nothing is; says where it was looked for and how to get it.
        InvvizError: it is broken.
    """
    kind = _kind(name)
    samples = kind().as_found(data_dir).load(data_dir)
    place = f"found in {kind.find(data_dir)}" if hasattr(kind, "find") else "comes with the installed packages"
    return [
        f"{name}: {place}",
        f"{len(samples.victims):,} victims and {len(samples.public):,} public {kind.modality.many} in {len(samples.class_names):,} classes",
        samples.note or ("the published data set" if kind.needs_folder else "complete"),
    ]


def _kind(name: str) -> Any:
    from . import DATASETS  # the table imports the data sets, which import this folder's files

    if name not in DATASETS:
        raise InvvizError(f"unknown dataset {name!r}; known: {', '.join(DATASETS)}.")
    return DATASETS[name]


def _in_place(kind: type[Dataset], data_dir: Path) -> bool:
    """Whether a complete copy is there; anything else that lies in the way is never overwritten."""
    try:
        note = kind().load(data_dir).note
    except DataMissing:
        return False
    if note:
        place = kind.find(data_dir)  # type: ignore[attr-defined]
        raise InvvizError(f"{place} already holds a {note}. Move it away, or name another folder with --set data_dir=DIR.")
    return True


def _fetch_any(remote: Remote, target: Path, progress: Progress | None) -> None:
    failures = []
    for url in remote.urls:
        try:
            return fetch(url, target, remote.md5, progress)
        except InvvizError as err:
            failures.append(str(err))
    raise InvvizError("\n".join(dict.fromkeys(failures)))


def _unpack(archive: Path) -> None:
    """Unpack beside the archive, then delete it; files come into place only when all of them are whole."""
    try:
        if archive.name.endswith(".tar.gz"):
            _unpack_tar(archive)
        elif archive.suffix == ".gz":
            _unpack_gzip(archive)
        else:
            return
    except (tarfile.TarError, EOFError, zlib.error, OSError) as err:
        raise InvvizError(f"{archive} could not be unpacked ({err}). Is the disk full? Make room and try again.") from err
    archive.unlink()


def _unpack_tar(archive: Path) -> None:
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".unpack-") as aside:
        with tarfile.open(archive) as tar:
            tar.extractall(aside, filter="data")  # refuses links, devices and paths that lead out of the folder
        for file in sorted(Path(aside).rglob("*")):
            if file.is_file():
                _put(file, archive.parent / file.relative_to(aside))


def _unpack_gzip(archive: Path) -> None:
    part = archive.with_name(archive.stem + ".part")
    try:
        with gzip.open(archive) as packed, part.open("wb") as file:
            shutil.copyfileobj(packed, file)
        _put(part, archive.with_suffix(""))
    finally:
        part.unlink(missing_ok=True)


def _put(file: Path, place: Path) -> None:
    """Move a file into place in one step; another file that lies there is left alone."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists() and not filecmp.cmp(file, place, shallow=False):
        raise InvvizError(f"{place} is not the published file. Move it away, then the data set can be unpacked.")
    file.replace(place)


def _cifar10(sets: Any) -> list[Remote]:
    return [Remote((sets.CIFAR10.url,), sets.CIFAR10.filename, sets.CIFAR10.tgz_md5)]


def _stl10(sets: Any) -> list[Remote]:
    return [Remote((sets.STL10.url,), sets.STL10.filename, sets.STL10.tgz_md5)]


def _svhn(sets: Any) -> list[Remote]:
    return [Remote((url,), file, md5) for url, file, md5 in (sets.SVHN.split_list[split] for split in ("test", "train"))]


def _mnist(sets: Any) -> list[Remote]:
    mirrors = sets.MNIST.mirrors
    return [Remote(tuple(mirror + file for mirror in mirrors), f"MNIST/raw/{file}", md5) for file, md5 in sets.MNIST.resources]


def _pneumoniamnist(sets: Any) -> list[Remote]:
    from . import pneumoniamnist as medical  # torchvision does not have it

    return [Remote((medical.URL,), medical.FILE, medical.MD5)]


def _adult(sets: Any) -> list[Remote]:
    from . import adult

    return [Remote((adult.URL + file,), file, md5) for file, md5 in adult.MD5.items()]


REMOTES: dict[str, Callable[[Any], list[Remote]]] = {
    "cifar10": _cifar10,
    "svhn": _svhn,
    "stl10": _stl10,
    "mnist": _mnist,
    "pneumoniamnist": _pneumoniamnist,
    "adult": _adult,
}
