"""`sweep` and `train` as people use them: killed and started again, written to files, refused in words."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from invviz.cli import main
from invviz.cli._show import to_json
from invviz.cli.sweeps import write
from invviz.core.errors import InvvizError
from invviz.jobs.store import Store
from invviz.jobs.worker import work
from invviz.scenario import Scenario
from invviz.studies.sweep import Sweep, _local, table

ROOT = Path(__file__).parents[2]
TINY = "data=digits&model=mlp&attack=linear_layer&train=federated(rounds=3,clients=2)"
AXES = ["defense=none,gaussian_noise(sigma=0.01..1/3)", "seed=0..2"]
LONGER = "data=digits&model=mlp&train=federated(rounds=400,clients=4)&batch=8&defense=gaussian_noise(sigma=0.01)"

# The command line with checkpoints in quick succession.
OFTEN = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import invviz.engine.training as u
from invviz.cli import main
u.KEEP_EVERY = 0.02
sys.exit(main(sys.argv[1:]))
"""


def start(store: Path, *args: str) -> subprocess.Popen:
    """In a process group of its own, which its workers belong to."""
    env = {**os.environ, "INVVIZ_STORE": str(store), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "invviz", *args]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(process: subprocess.Popen) -> tuple[str, str]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out, err


def kill(process: subprocess.Popen) -> None:
    """The driver and its workers, at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def eventually(what, timeout: float = 120.0):
    until = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.02)
    return found


def jobs_of(store: Store, sweep: Sweep) -> dict:
    return store.jobs([key for cell in sweep.cells for key in cell.keys.values()])


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    names = [name for name in left if not name.endswith("_seconds")]
    pd.testing.assert_frame_equal(left[names], right[names], check_exact=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A sweep that nobody interrupted: its store and its Parquet file."""
    folder = tmp_path_factory.mktemp("whole")
    finish(start(folder / "store", "sweep", TINY, *AXES, "--workers", "1", "--out", str(folder / "new" / "x.parquet")))
    return folder / "store", folder / "new" / "x.parquet"


@pytest.mark.slow
def test_a_sweep_that_is_killed_three_times_ends_with_the_same_table(whole, tmp_path):
    sweep, store = Sweep.of(TINY, AXES), Store(tmp_path / "store")
    done: dict = {}
    for part in (1, 8, 13):  # right at the start, among the trainings, among the spectra
        process = start(store.path, "sweep", TINY, *AXES, "--workers", "2", "--out", str(tmp_path / "x.parquet"))
        eventually(lambda part=part: sum(job.state == "done" for job in jobs_of(store, sweep).values()) >= part)
        kill(process)
        now = jobs_of(store, sweep)
        assert any(job.active for job in now.values()), "it was killed too late to show anything"
        assert all(now[key] == job for key, job in done.items()), "what was done stayed"
        done = {key: job for key, job in now.items() if job.state == "done"}
        assert not (tmp_path / "x.parquet").exists()
    finish(start(store.path, "sweep", TINY, *AXES, "--workers", "2", "--out", str(tmp_path / "x.parquet")))
    now = jobs_of(store, sweep)
    assert {job.state for job in now.values()} == {"done"}
    assert all(now[key] == job for key, job in done.items()), "nothing was computed twice"
    same(pd.read_parquet(tmp_path / "x.parquet"), pd.read_parquet(whole[1]))


def test_the_same_command_again_computes_nothing(whole, capsys):
    store, sweep = Store(whole[0]), Sweep.of(TINY, AXES)
    before = jobs_of(store, sweep)
    assert main(["sweep", TINY, *AXES, "--json", "--set", f"store={whole[0]}"]) == 0
    out, err = capsys.readouterr()
    assert "12 cells, 0 jobs to compute" in err
    assert jobs_of(store, sweep) == before
    found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert found["sweep"] == sweep.text() and len(found["rows"]) == 12
    assert found["rows"][0]["state"] == "done" and found["rows"][0]["psnr_aware"] is None
    assert store.sweeps() == [sweep.text()]


def test_the_table_is_written_for_other_programs(whole, tmp_path):
    rows = pd.read_parquet(whole[1])
    assert len(rows) == 12 and set(rows.state) == {"done"}
    assert rows.seed.tolist() == [0, 1, 2] * 4 and rows.defense.tolist() == ["none"] * 3 + ["gaussian_noise"] * 9
    finite = ["accuracy", "accuracy_best", "psnr_unaware", "ssim_unaware", "psnr_ceiling", "invre", "train_seconds"]
    assert rows[finite].notna().all(axis=None) and rows.psnr_aware.isna().tolist() == [True] * 3 + [False] * 9
    assert rows.accuracy.between(0, 1).all()
    assert (rows[rows.strength == 1.0].psnr_unaware.mean()) < rows[rows.strength == 0.01].psnr_unaware.mean()
    for name, read in (("x.csv", pd.read_csv), ("x.json", pd.read_json)):
        assert main(["sweep", TINY, *AXES, "--set", f"store={whole[0]}", "--out", str(tmp_path / name)]) == 0
        back = read(tmp_path / name)
        assert list(back) == list(rows) and back.psnr_unaware.tolist() == pytest.approx(rows.psnr_unaware.tolist(), rel=1e-9)
        assert back.scenario.tolist() == rows.scenario.tolist()


def test_duckdb_reads_the_parquet_file(whole):
    duckdb = pytest.importorskip("duckdb", reason="pip install duckdb")
    found = duckdb.sql(f"SELECT defense, count(*) AS n, avg(accuracy) AS a FROM '{whole[1]}' GROUP BY defense ORDER BY n").fetchall()
    assert [row[:2] for row in found] == [("none", 3), ("gaussian_noise", 9)]
    assert found[0][2] == pytest.approx(pd.read_parquet(whole[1]).query("defense == 'none'").accuracy.mean())


def test_a_perfect_guess_is_infinite_in_every_form(tmp_path):
    """Read back, `write`'s three forms and `--json` hold the same numbers."""
    inf = float("inf")
    rows = pd.DataFrame({"psnr_unaware": [inf, 20.0, float("nan"), -inf], "state": ["done"] * 4, "seed": [1, 2, 3, 4]})
    readers = {"x.parquet": pd.read_parquet, "x.csv": pd.read_csv, "x.json": pd.read_json}
    for name, read in readers.items():
        write(rows, tmp_path / name)
        found = read(tmp_path / name)
        np.testing.assert_array_equal(pd.to_numeric(found.psnr_unaware), rows.psnr_unaware)
        assert found.seed.tolist() == [1, 2, 3, 4]
    kept = json.loads((tmp_path / "x.json").read_text(), parse_constant=pytest.fail)
    assert [row["psnr_unaware"] for row in kept] == ["inf", 20.0, None, "-inf"]
    assert kept == json.loads(to_json({"rows": rows.to_dict("records")}))["rows"], "as --json prints"
    with pytest.raises(InvvizError, match="Its results are in the store"):
        write(rows, tmp_path / "missing" / "x.csv")


def test_dry_run_computes_and_queues_nothing(store_dir, capsys):
    assert main(["sweep", TINY, *AXES, "--dry-run", "--workers", "2"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and re.search(r"12 cells, 36 jobs to compute, perhaps .* with 2 workers", err)
    assert Store(store_dir).sweeps() == [] and not jobs_of(Store(store_dir), Sweep.of(TINY, AXES))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["colour=red"], "'colour' cannot be varied; known: data"),
        (["seed"], "cannot read the axis 'seed'"),
        (["seed=0..200", "data.index=0..200"], "40,401 cells; at most 20,000"),
        (["seed=0", "--what", "trian"], "unknown 'trian' in what="),
        (["seed=0", "--out", "x.xlsx"], r"--out x\.xlsx: write a file that ends with \.parquet, \.csv, \.json"),
        (["seed=0", "--workers", "0"], "--workers 0: write a number from 1 on"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(args, words, store_dir, capsys):
    assert main(["sweep", TINY, *args]) == 2
    out, err = capsys.readouterr()
    assert out == "" and re.search(words, err), err
    assert not (store_dir / "store.db").exists()


@pytest.fixture
def worker_here(monkeypatch):
    """The worker of a sweep is this process, which has torch already; `whole` starts real ones."""

    def start_worker(site, *arguments, **settings):
        work(Store(site.cache_dir), site, once=True)
        return SimpleNamespace(poll=lambda: 0, terminate=lambda: None, wait=lambda timeout: 0)

    monkeypatch.setattr(_local, "start_worker", start_worker)
    monkeypatch.setattr(_local, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda seconds: None))  # there is nothing to wait for


def test_what_failed_is_kept_with_its_reason_and_tried_again_when_asked(worker_here, tmp_path, capsys):
    args = ["sweep", TINY, "data=digits,cifar10", "--what", "train,unaware", "--workers", "2", "--json", "--set", f"data_dir={tmp_path}"]
    store, sweep = Store(tmp_path / "store"), Sweep.of(TINY, args[2:3], ("train", "unaware"))
    args += ["--set", f"store={store.path}"]
    assert main(args) == 0
    out, err = capsys.readouterr()
    rows = json.loads(out)["rows"]
    assert [row["state"] for row in rows] == ["done", "failed"]
    assert "train: " in rows[1]["reason"] and "invviz data download cifar10" in rows[1]["reason"] and rows[1]["accuracy"] is None
    assert "1 cell not computed: " in err and "Traceback" not in err
    before = jobs_of(store, sweep)
    assert main(args) == 0
    assert jobs_of(store, sweep) == before, "what failed by itself fails again"
    assert main([*args, "--retry"]) == 0
    after = jobs_of(store, sweep)
    failed = [key for key, job in before.items() if job.state == "failed"]
    assert len(failed) == 2 and all(after[key].finished > before[key].finished for key in failed)
    assert all(after[key] == job for key, job in before.items() if key not in failed)


def test_unfit_cells_are_in_the_table_with_their_reason(store_dir, capsys):
    assert main(["sweep", TINY, "model=lenet", "--what", "unaware", "--json"]) == 0
    out, err = capsys.readouterr()
    (row,) = json.loads(out)["rows"]
    assert row["state"] == "unfit" and "Use model=mlp" in row["reason"] and "1 cell not computed" in err
    assert table(Sweep.of(TINY, ["model=lenet"], ("unaware",)), Store(store_dir)).state.tolist() == ["unfit"]


def test_train_prints_the_accuracy(store_dir, capsys):
    assert main(["train", TINY]) == 0
    words = capsys.readouterr().out
    assert re.search(r"round +3  accuracy +[\d.]+ %", words) and "3 rounds, 6 pictures" in words
    assert main(["train", TINY, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["scenario"] == Scenario.parse(TINY).only("train").text(full=True) and found["key"] == Scenario.parse(TINY).key("train")
    assert found["rounds"] == 3 and [point[0] for point in found["history"]] == [1, 2, 3]
    assert f"accuracy {100 * found['accuracy']:.1f} %" in words
    assert main(["train", TINY.replace("clients=2", "clients=2,sampled=3")]) == 2
    assert "Lower sampled or raise clients" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_very_same_numbers(tmp_path):
    kept = tmp_path / "killed" / "training"
    args = ["train", LONGER, "--json"]
    env = {**os.environ, "INVVIZ_STORE": str(tmp_path / "killed")}
    process = subprocess.Popen([sys.executable, "-c", OFTEN, *args], env=env, stdout=subprocess.PIPE, start_new_session=True)
    try:
        first = eventually(lambda: [file.stat().st_mtime_ns for file in kept.glob("*.pt")] if kept.is_dir() else [])
        eventually(lambda: [file.stat().st_mtime_ns for file in kept.glob("*.pt")] > first)
    finally:
        kill(process)
    assert len(list(kept.glob("*.pt"))) == 1, "it was killed in the middle"
    resumed = json.loads(finish(start(tmp_path / "killed", *args))[0])
    assert not list(kept.glob("*.pt")), "no checkpoint is left when it has ended"
    fresh = json.loads(finish(start(tmp_path / "fresh", *args))[0])
    assert resumed["seconds"] > 0 and fresh["rounds"] == 400
    resumed, fresh = ({name: v for name, v in found.items() if not name.endswith("seconds")} for found in (resumed, fresh))
    assert resumed == fresh
