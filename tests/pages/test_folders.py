"""On a server for others no page names a folder of that server, whatever goes wrong; its log does. On one's own machine pages name them."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

import pandas as pd
import pytest
from visits import asked_for, button, computed, html, press, said

from invviz.core.errors import StoreError
from invviz.jobs.store import Store, _db
from invviz.scenario import Scenario
from invviz.ui import pages, trouble
from invviz.ui.curves import take

QUICK = "data=digits&model=mlp(width=8)&attack=linear_layer"
PAGES = [name for name in pages.PAGES if name not in ("guide", "audit")]  # which ask the store for nothing


@pytest.fixture(params=["own", "classroom"])
def profile(request, monkeypatch, caplog):
    monkeypatch.setenv("INVVIZ_PROFILE", request.param)
    trouble._log.cache_clear()
    caplog.set_level(logging.WARNING, "invviz.ui")
    return request.param


def everything(at) -> str:
    words = said(at) + "".join(e.proto.body for e in at.get("html")) + " ".join(str(getattr(b.proto, "help", "")) for b in at.button)
    return words.replace("\\", "").replace("\u2060", "")


def holds(at, profile: str, folder: Path, caplog) -> None:
    words = everything(at)
    assert not at.exception
    if profile == "own":
        assert str(folder) in words
    else:
        assert str(folder) not in words and "(store)" in words + "(store)" * ("(data)" in words)
        assert str(folder) in caplog.text, "the log has the whole words"


@pytest.mark.parametrize("page", PAGES)
def test_a_full_disk_is_said_without_the_place_of_the_store(visit, store_dir, monkeypatch, caplog, profile, page):
    def refused(self, *args, **more):
        raise StoreError(_db._words(OSError(errno.ENOSPC, "No space left on device", str(self.path / "store.db")), self.path))

    for what in ("submit", "submit_many", "jobs", "results_of", "sweeps"):
        monkeypatch.setattr(Store, what, refused)
    at = visit(page, QUICK)
    holds(at, profile, store_dir, caplog)
    assert "is full" in everything(at)


def test_missing_data_are_said_without_the_place_of_the_data(visit, store_dir, tmp_path, monkeypatch, caplog, profile):
    monkeypatch.setenv("INVVIZ_DATA", str(tmp_path / "data sets"))
    at = visit("lab", "data=cifar10&model=mlp(width=8)&attack=linear_layer")
    holds(at, profile, tmp_path / "data sets", caplog)


def test_a_damaged_result_is_said_without_the_place_of_the_store(visit, store_dir, caplog, profile):
    at = visit("lab", QUICK)
    press(at, "Run the attack")
    computed(at, store_dir)
    file = store_dir / "arrays" / Scenario.parse(QUICK).key("run") / "guess.npy"
    raw = file.read_bytes()
    file.unlink()
    file.write_bytes(raw[:50])
    at = visit("lab", QUICK)
    holds(at, profile, store_dir, caplog)
    assert button(at, "Run the attack") and "damaged" in everything(at)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("The disk that holds the store /srv/x is full.", "The disk that holds the store (store) is full."),
        ("moved to /srv/x/damaged/k.2, nothing", "moved to (store)/damaged/k.2, nothing"),
        ("looked in /srv/data/cifar10: no batch", "looked in (data)/cifar10: no batch"),
        ("[Errno 2] No such file: '/home/ann/secret/a.npy'", "[Errno 2] No such file: '(server)/a.npy'"),
        (r"C:\Users\ann\store.db is locked", "(server)/store.db is locked"),
        ("/srv/xy/z", "(server)/z"),
        ("see https://example.org/a/b and 1/2, mean/SSIM, /risk", "see https://example.org/a/b and 1/2, mean/SSIM, /risk"),
    ],
)
def test_only_folders_are_replaced(given, shown):
    assert trouble._without_folders(given, Path("/srv/x"), Path("/srv/data")) == shown


def test_what_failed_is_said_over_a_figure_without_folders(visit, store_dir, profile):
    """Defend says it where the pointer is over a missing figure."""
    at = visit("defend", QUICK)
    store = Store(store_dir)
    for key in [key for key, job in asked_for(store_dir).items() if job.kind in ("risk", "sketch")]:
        job = store.claim("w", keys={key})
        store.fail(job, f"[Errno 28] No space left on device: '{store_dir}/arrays/x.npy'")
    grid = html(visit("defend", QUICK), "defend")
    assert (str(store_dir) in grid) == (profile == "own") and "x.npy" in grid
    assert not at.exception


def test_a_table_to_take_away_holds_no_folders(monkeypatch, store_dir, profile):
    rows = take._public(pd.DataFrame({"reason": ["", f"attack: The store {store_dir} is locked"], "psnr": [1.0, 2.0]}))
    said = f"{store_dir}" if profile == "own" else "(store)"
    assert rows["reason"].tolist() == ["", f"attack: The store {said} is locked"]
