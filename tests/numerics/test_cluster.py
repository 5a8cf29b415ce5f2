"""Sweeps on a Ray cluster of this machine: the same table as without, also where a process of the cluster is killed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from invviz.core.errors import InvvizError, MissingExtra
from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import Outcome, execute, work
from invviz.risk import Decomposition
from invviz.scenario import Scenario
from invviz.studies.sweep import Sweep, table, watcher
from invviz.studies.sweep import ray as cluster
from invviz.studies.sweep._local import queue

TINY = "data=digits&model=mlp&attack=linear_layer&train=federated(rounds=3,clients=2)"
SMALL = Sweep.of(TINY, ["defense=none,gaussian_noise(sigma=0.1)", "seed=0..1"])
SLOW = "data=digits&model=lenet&attack=dlg&train=federated(rounds=300,clients=2)"


def folder(tmp_path: Path, name: str) -> tuple[Store, Site]:
    return Store(tmp_path / name), Site(None, tmp_path / name)


def quiet(told: object) -> None:
    """Nobody looks."""


def compute_here(sweep: Sweep, store: Store, site: Site) -> None:
    """Without a cluster, in this process, which has torch imported already."""
    queue(sweep, store, retry=False)
    work(store, site, once=True)


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    names = [name for name in left if not name.endswith("_seconds")]
    pd.testing.assert_frame_equal(left[names], right[names], check_exact=True)


@pytest.fixture(scope="module")
def ray():
    """One cluster of two processes for the file, as each takes its time to import torch; `compute_on_ray` leaves a connection that is there as it is."""
    found = pytest.importorskip("ray", reason="pip install -r requirements-ray.txt")
    with cluster._cluster(found, None, 2):
        yield found
    assert not found.is_initialized()


def pids(name: bytes = b"ray::invviz") -> list[int]:
    """Processes of this cluster that compute a job now: Ray names a process after its task."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            mine = (entry / "cmdline").read_bytes().startswith(name) and _descends(int(entry.name))
        except OSError:
            continue
        found += [int(entry.name)] if mine else []
    return found


def _descends(pid: int) -> bool:
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    return False


def eventually(what, timeout: float = 60.0):
    until = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.02)
    return found


def test_a_cluster_computes_the_same_table(ray, tmp_path):
    far, site = folder(tmp_path, "ray")
    other = far.submit("run", Scenario.parse(TINY + "&seed=99"), "tab")
    seen = []
    cluster.compute_on_ray(SMALL, far, site, None, 2, seen.append)
    assert (seen[-1].done, seen[-1].total, seen[-1].failed) == (12, 12, 0) and seen[0].done == 0
    assert far.job(other).state == "queued", "jobs of others are left to workers, which show pictures on the way"
    near, here = folder(tmp_path, "local")
    compute_here(SMALL, near, here)
    rows = table(SMALL, far)
    assert set(rows.state) == {"done"} and np.isfinite(rows[["accuracy", "psnr_unaware", "psnr_ceiling", "invre"]]).all(axis=None)
    same(rows, table(SMALL, near))
    for key in (*SMALL.cells[0].keys.values(), *SMALL.cells[-1].keys.values()):
        left, right = far.arrays(key), near.arrays(key)
        assert left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)
    before = {key: far.job(key) for cell in SMALL.cells for key in cell.keys.values()}
    assert all(job.attempts == 1 for job in before.values())
    cluster.compute_on_ray(SMALL, far, site, None, 2, quiet)
    assert before == {key: far.job(key) for key in before}, "nothing is computed twice"


def test_a_killed_process_of_the_cluster_does_no_harm(ray, tmp_path):
    slow = Sweep.of(SLOW, ["seed=0..1"], ["train"])
    far, site = folder(tmp_path, "ray")
    keys = list({key for cell in slow.cells for key in cell.keys.values()})
    killed = []

    def kill() -> None:
        victim = eventually(pids)[0]
        time.sleep(0.5)  # in the middle of the job
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)

    killer = threading.Thread(target=kill)
    killer.start()
    cluster.compute_on_ray(slow, far, site, None, 2, quiet)
    killer.join()
    assert len(killed) == 1
    assert {far.job(key).state for key in keys} == {"done"} and {far.job(key).attempts for key in keys} == {1}
    near, here = folder(tmp_path, "local")
    compute_here(slow, near, here)
    same(table(slow, far), table(slow, near))


def test_a_job_that_kills_every_process_fails_in_words_and_may_be_tried_again(ray, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "RETRIES", 0)
    slow = Sweep.of(SLOW, [], ["train"])
    far, site = folder(tmp_path, "ray")
    (key,) = (slow.cells[0].keys["train"],)
    killer = threading.Thread(target=lambda: os.kill(eventually(pids)[0], signal.SIGKILL))
    killer.start()
    cluster.compute_on_ray(slow, far, site, None, 1, quiet)
    killer.join()
    job = far.job(key)
    assert job.state == "failed" and "ended unexpectedly" in job.error and not job.traceback
    assert table(slow, far).state.tolist() == ["failed"]


def test_an_error_of_the_job_comes_back_as_words_with_its_place(ray, tmp_path):
    poor = Sweep.of("data=cifar10&model=lenet&train=federated(rounds=3,clients=2)", [], ["train"])
    far, site = folder(tmp_path, "ray")
    cluster.compute_on_ray(poor, far, site, None, 1, quiet)
    job = far.job(poor.cells[0].keys["train"])
    assert job.state == "failed" and "invviz data download cifar10" in job.error
    assert "DataMissing" in job.traceback and "RayTaskError" not in job.traceback


def test_control_c_stops_what_nobody_else_wants(ray, tmp_path):
    endless = Sweep.of(SLOW.replace("rounds=300", "rounds=100000"), ["seed=0..2"], ["train"])
    far, site = folder(tmp_path, "ray")
    shared = endless.cells[0].keys["train"]

    def tell(told) -> None:
        if pids():
            far.watch(shared, "tab")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cluster.compute_on_ray(endless, far, site, None, 2, tell)
    assert [far.job(cell.keys["train"]).state for cell in endless.cells] == ["queued", "stopped", "stopped"]
    assert far.job(shared).attempts == 0 and ray.is_initialized()
    eventually(lambda: not pids())


def test_a_job_that_is_stopped_at_a_page_is_cancelled(ray, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "BEAT", 0.1)
    endless = Sweep.of(SLOW.replace("rounds=300", "rounds=100000"), [], ["train"])
    far, site = folder(tmp_path, "ray")
    until = time.monotonic() + 60

    def tell(told) -> None:
        assert time.monotonic() < until, "it was not cancelled"
        if pids():
            far.unwatch(watcher(endless))

    cluster.compute_on_ray(endless, far, site, None, 1, tell)
    assert far.job(endless.cells[0].keys["train"]).state == "stopped"


def test_without_ray_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    far, site = folder(tmp_path, "ray")
    with pytest.raises(MissingExtra, match=r"pip install -r requirements-ray\.txt"):
        cluster.compute_on_ray(SMALL, far, site, None, 1, quiet)
    assert not far.sweeps(), "and nothing was queued"


def test_a_gpu_is_refused(ray, tmp_path):
    far, site = folder(tmp_path, "ray")
    with pytest.raises(InvvizError, match="CPUs"):
        cluster.compute_on_ray(SMALL, far, Site(None, site.cache_dir, "cuda"), None, 1, quiet)


def test_what_a_node_sends_is_plain_and_stays_in_its_folder(tmp_path):
    risk = Scenario.parse("data=digits&model=mlp").only("risk")
    found = cluster.on_node(risk.key("risk"), "risk", risk.text(full=True), None, str(tmp_path))
    assert found["arrays"] == {} and all(isinstance(content, bytes) for content in found["files"].values())
    (tmp_path / "spectrum").mkdir()
    cluster.saver(found["files"])(tmp_path / "spectrum")
    ours = execute("risk", risk, Site(None, tmp_path, "cpu"), lambda event: True)
    assert np.array_equal(Decomposition.load(tmp_path / "spectrum").singular_values, ours.arrays["singular_values"])
    assert cluster.files_of(Outcome({}, {})) is None
    for name in ("../x", "a/b", "/etc/x", "..", ".", "", "a\\b"):
        with pytest.raises(InvvizError, match="names have no folders"):
            cluster.saver({name: b""})
    other = cluster.on_node("0" * 20, "risk", risk.text(full=True), None, str(tmp_path))
    assert "another version" in other["error"] and other["traceback"]
