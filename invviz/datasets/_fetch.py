"""One file from the network: resumed where the server allows, verified, and put in place in one step."""

from __future__ import annotations

import errno
import hashlib
import http.client
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from ..core.errors import InvvizError

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all where the server says
CHUNK = 1 << 18
TIMEOUT = 30.0  # seconds without a single byte
AGENT = "invviz (data set download)"


def same_md5(path: Path, expected: str) -> bool:
    """Whether a file has this checksum; md5 is weak, but it is the one that is published for these data sets."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == expected
    except FileNotFoundError:
        return False


def fetch(url: str, target: Path, md5: str, progress: Progress | None = None) -> None:
    """Download to TARGET.part, verify, rename to TARGET; does nothing where TARGET is there and right, overwrites nothing.

    Args:
        url: http or https.
        target: where the file shall lie; its folder is made.
        md5: what its checksum must be.
        progress: told (bytes so far, bytes in all or None) as bytes arrive; what it raises stops the download.

    Raises:
        InvvizError: another file in the way, no network, refused, broken off, disk full, wrong checksum; says what to do.
    """
    if target.exists():
        if same_md5(target, md5):
            return
        raise InvvizError(f"{target} is not the published file (its checksum differs). Move it away, then it can be downloaded.")
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not same_md5(part, md5):  # an earlier try may have got all of it
            with _request(url, part) as response:
                _receive(response, part, progress or (lambda done, total: None))
        if not same_md5(part, md5):
            part.unlink()  # to resume a wrong file would never make it right
            raise InvvizError(f"{url} gave a file with another checksum than the published {md5}. It was deleted; please try again.")
        part.replace(target)
    except (OSError, http.client.HTTPException) as err:
        raise InvvizError(_reason(err, url, part)) from err


def _request(url: str, part: Path, resume: bool = True) -> Any:
    """Ask for what is still missing; ask for all of it where the server does not accept that."""
    have = part.stat().st_size if resume and part.exists() else 0
    if not url.startswith(("http://", "https://")):
        raise InvvizError(f"{url!r} cannot be downloaded; only http and https are allowed.")
    # A proxy that packs the answer would make byte ranges and sizes wrong.
    request = urllib.request.Request(url, headers={"User-Agent": AGENT, "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as err:
        if have and err.code == 416:  # nothing lies after what we have, so what we have is not a beginning of that file
            return _request(url, part, resume=False)
        raise
    if have and response.status == 206 and _start(response) != have:
        response.close()
        return _request(url, part, resume=False)
    return response


def _start(response: Any) -> int:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found.group(1)) if found else -1


def _receive(response: Any, part: Path, progress: Progress) -> None:
    """Write the answer to the partial file; where it cannot be resumed later, a failure deletes it."""
    goes_on = response.status == 206
    done = part.stat().st_size if goes_on else 0
    length = response.headers.get("Content-Length", "")
    total = done + int(length) if length.isdigit() else None
    resumable = goes_on or "bytes" in response.headers.get("Accept-Ranges", "")
    try:
        with part.open("ab" if goes_on else "wb") as file:
            _check_space(part, total, done)
            done = _copy(response, file, done, total, progress)
        if total is not None and done < total:
            raise ConnectionError(f"it broke off after {done:,} of {total:,} bytes")
    except BaseException:  # also a cancelled download and Ctrl-C
        if not resumable:
            part.unlink(missing_ok=True)
        raise


def _copy(response: Any, file: BinaryIO, done: int, total: int | None, progress: Progress) -> int:
    progress(done, total)
    while chunk := response.read(CHUNK):
        file.write(chunk)
        done += len(chunk)
        progress(done, total)
    return done


def _check_space(part: Path, total: int | None, done: int) -> None:
    if total is not None and shutil.disk_usage(part.parent).free < total - done:
        raise OSError(errno.ENOSPC, f"{total - done:,} bytes are still to come")


def _reason(err: Exception, url: str, part: Path) -> str:
    """A failure in words, with what to do about it."""
    later = f" {part.stat().st_size:,} bytes are kept, and the next try goes on from there." if part.exists() else ""
    if isinstance(err, urllib.error.HTTPError):
        return f"the server refused {url}: {err.code} {err.reason}. Try again later, or get the files elsewhere.{later}"
    if isinstance(err, OSError) and err.errno == errno.ENOSPC:
        return f"the disk with {part.parent} is full ({err.strerror}). Make room or name another folder with --set data_dir=DIR.{later}"
    if isinstance(err, (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException)):
        reason = getattr(err, "reason", err)
        return f"{url} could not be downloaded ({reason}). Is this machine connected to the internet? Then try again.{later}"
    return f"{part.parent} cannot be written ({err}). Name another folder with --set data_dir=DIR.{later}"
