"""The downloader, against a small server on this machine."""

import gzip
import hashlib
import http.server
import io
import re
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from invviz.core.errors import InvvizError
from invviz.core.torchvision import load_torchvision
from invviz.datasets import _fetch, check, download
from invviz.datasets._fetch import fetch

BODY = bytes(range(256)) * 4096  # 1 MiB: several chunks
MD5 = hashlib.md5(BODY).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    files: dict[str, bytes]
    ranges = True
    stop_after: int | None = None  # bytes of a body after which the line goes dead
    says_length = True
    asked: list[tuple[str, str | None]]

    def handle_error(self, *args: object) -> None:
        """A client that goes away in the middle is what these tests are about; no trace for it."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body, wanted = self.server.files.get(self.path), self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        if body is None:
            self.send_error(404)
            return
        start = int(re.match(r"bytes=(\d+)-", wanted).group(1)) if wanted and self.server.ranges else 0
        if start >= len(body) and start:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if self.server.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if self.server.says_length:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:][: self.server.stop_after])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.files, made.asked = {"/file": BODY}, []
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def address(server: Server, path: str = "/file") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}{path}"


@pytest.mark.parametrize("says_length", [True, False])
def test_a_file_arrives_whole_with_progress(server: Server, tmp_path: Path, says_length: bool) -> None:
    server.says_length = says_length
    seen: list[tuple[int, int | None]] = []
    fetch(address(server), tmp_path / "deep" / "file", MD5, lambda done, total: seen.append((done, total)))
    assert (tmp_path / "deep" / "file").read_bytes() == BODY
    assert [done for done, _ in seen] == sorted({done for done, _ in seen}) and seen[-1][0] == len(BODY) and len(seen) > 2
    assert {total for _, total in seen} == {len(BODY) if says_length else None}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]


def test_a_right_file_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BODY)
    fetch(address(server), tmp_path / "file", MD5)
    assert server.asked == []


def test_another_file_is_never_overwritten(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(InvvizError, match="Move it away"):
        fetch(address(server), tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == b"mine" and server.asked == []


def test_broken_off_and_resumed(server: Server, tmp_path: Path) -> None:
    server.stop_after = 300_000
    with pytest.raises(InvvizError, match=r"broke off after 300,000 of 1,048,576 bytes.*300,000 bytes are kept"):
        fetch(address(server), tmp_path / "file", MD5)
    assert not (tmp_path / "file").exists() and (tmp_path / "file.part").stat().st_size == 300_000
    server.stop_after = None
    seen: list[int] = []
    fetch(address(server), tmp_path / "file", MD5, lambda done, total: seen.append(done) or None)
    assert (tmp_path / "file").read_bytes() == BODY
    assert server.asked[-1] == ("/file", "bytes=300000-") and seen[0] == 300_000


def test_broken_off_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.stop_after, server.ranges = 300_000, False
    with pytest.raises(InvvizError, match="broke off") as caught:
        fetch(address(server), tmp_path / "file", MD5)
    assert "kept" not in str(caught.value) and list(tmp_path.iterdir()) == []
    server.stop_after = None
    fetch(address(server), tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_partial_file_on_a_server_that_ignores_ranges(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(BODY[:1000])
    server.ranges = False
    fetch(address(server), tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_whole_or_too_long_partial_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(BODY)
    fetch(address(server), tmp_path / "file", MD5)
    assert server.asked == [] and (tmp_path / "file").read_bytes() == BODY
    (tmp_path / "file").unlink()
    (tmp_path / "file.part").write_bytes(BODY + b"more")  # answered with 416
    fetch(address(server), tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == BODY


def test_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.files["/file"] = BODY[:-1] + b"!"
    with pytest.raises(InvvizError, match="checksum"):
        fetch(address(server), tmp_path / "file", MD5)
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_download_can_go_on(server: Server, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(done: int, total: int | None) -> None:
        if done > 0:
            raise StopError

    with pytest.raises(StopError):
        fetch(address(server), tmp_path / "file", MD5, stop)
    have = (tmp_path / "file.part").stat().st_size
    assert 0 < have < len(BODY)
    fetch(address(server), tmp_path / "file", MD5)
    assert server.asked[-1] == ("/file", f"bytes={have}-")


def test_failures_in_words(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvvizError, match="404"):
        fetch(address(server, "/absent"), tmp_path / "file", MD5)
    with pytest.raises(InvvizError, match="only http and https"):
        fetch("file:///etc/passwd", tmp_path / "file", MD5)
    with pytest.raises(InvvizError, match="connected to the internet"):
        fetch("http://127.0.0.1:1/file", tmp_path / "file", MD5)
    (tmp_path / "plain").write_text("a file, not a folder")
    with pytest.raises(InvvizError, match="cannot be written"):
        fetch(address(server), tmp_path / "plain" / "file", MD5)
    monkeypatch.setattr(_fetch.shutil, "disk_usage", lambda path: _fetch.shutil._ntuple_diskusage(10, 0, 10))
    with pytest.raises(InvvizError, match="full"):
        fetch(address(server), tmp_path / "file", MD5)


def tar_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return packed.getvalue()


def offer_tar(server: Server, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> None:
    body = tar_of(files)
    server.files["/stl10_binary.tar.gz"] = body
    stl10 = load_torchvision().datasets.STL10
    monkeypatch.setattr(stl10, "url", address(server, "/stl10_binary.tar.gz"))
    monkeypatch.setattr(stl10, "tgz_md5", hashlib.md5(body).hexdigest())


STL = {
    "stl10_binary/train_X.bin": bytes(2 * 3 * 96 * 96),
    "stl10_binary/train_y.bin": b"\x01\x0a",
    "stl10_binary/test_X.bin": b"\xff" * (3 * 96 * 96),
    "stl10_binary/test_y.bin": b"\x03",
}


def test_a_tar_is_unpacked_and_read(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tar(server, monkeypatch, STL)
    download("stl10", tmp_path)
    assert sorted(path.name for path in (tmp_path / "stl10").iterdir()) == ["stl10_binary"]  # no archive, no scraps
    assert check("stl10", tmp_path)[1:] == [
        "1 victims and 2 public pictures in 10 classes",
        "cut-down copy: 1 of 8,000 test and 2 of 5,000 training pictures",
    ]
    asked = len(server.asked)
    with pytest.raises(InvvizError, match="already holds a cut-down copy"):  # ours is none of the published ones
        download("stl10", tmp_path)
    assert len(server.asked) == asked


def test_unpacking_overwrites_nothing_and_stays_inside(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tar(server, monkeypatch, STL)
    mine = tmp_path / "stl10" / "stl10_binary" / "test_X.bin"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(InvvizError, match="Move it away"):
        download("stl10", tmp_path)
    assert mine.read_bytes() == b"mine"
    offer_tar(server, monkeypatch, {"../../evil": b"x"})
    with pytest.raises(InvvizError, match="could not be unpacked"):
        download("stl10", tmp_path / "other")
    assert not list(tmp_path.rglob("evil"))


def test_single_files_and_resuming_a_set(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np
    import scipy.io

    split_list = {}
    for split, count in (("train", 3), ("test", 2)):
        file = io.BytesIO()
        scipy.io.savemat(file, {"X": np.zeros((32, 32, 3, count), np.uint8), "y": np.arange(1, count + 1)[:, None]})
        server.files[f"/{split}"] = file.getvalue()
        split_list[split] = [address(server, f"/{split}"), f"{split}_32x32.mat", hashlib.md5(file.getvalue()).hexdigest()]
    monkeypatch.setattr(load_torchvision().datasets.SVHN, "split_list", split_list)
    train = server.files.pop("/train")
    with pytest.raises(InvvizError, match="404"):
        download("svhn", tmp_path)
    server.files["/train"] = train
    download("svhn", tmp_path)
    assert [path for path, _ in server.asked] == ["/test", "/train", "/train"]  # what was there was not fetched again
    assert "2 of 26,032 test and 3 of 73,257" in check("svhn", tmp_path)[2]


def test_mirrors_and_gzip(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def idx(header: list[int], body: bytes) -> bytes:
        return bytes([0, 0, 8, len(header)]) + b"".join(n.to_bytes(4, "big") for n in header) + body

    mnist, resources = load_torchvision().datasets.MNIST, []
    for part, n in (("train", 3), ("t10k", 2)):
        for what, body in (("images-idx3", idx([n, 28, 28], bytes(n * 784))), ("labels-idx1", idx([n], bytes(range(n))))):
            packed = gzip.compress(body)
            server.files[f"/good/{part}-{what}-ubyte.gz"] = packed
            resources.append((f"{part}-{what}-ubyte.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(mnist, "resources", resources)
    monkeypatch.setattr(mnist, "mirrors", [address(server, "/bad/"), address(server, "/good/")])
    download("mnist", tmp_path)
    assert sorted(path.name for path in (tmp_path / "mnist/MNIST/raw").iterdir()) == sorted(name[:-3] for name, _ in resources)
    assert check("mnist", tmp_path)[1] == "2 victims and 3 public pictures in 10 classes"


def test_what_cannot_be_downloaded(tmp_path: Path) -> None:
    with pytest.raises(InvvizError, match=r"image-net\.org"):
        download("imagenet", tmp_path)
    with pytest.raises(InvvizError, match="nothing to download"):
        download("photos", tmp_path)
    with pytest.raises(InvvizError, match="unknown dataset 'cifar'; known: photos"):
        download("cifar", tmp_path)
    assert check("digits", None)[0] == "digits: comes with the installed packages"


def test_torchvision_still_names_the_published_files() -> None:
    """The shape of torchvision's tables that we rely on; a new release may change it."""
    from invviz.datasets._files import REMOTES

    for name, remotes in REMOTES.items():
        for remote in remotes(load_torchvision().datasets):
            assert all(url.startswith(("http://", "https://")) for url in remote.urls), name
            assert len(remote.md5) == 32 and remote.file
