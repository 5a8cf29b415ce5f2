"""The written module in Flower itself, in an environment of its own: Flower's pins and the app's exclude each other.

python -m venv /tmp/flwr-env && /tmp/flwr-env/bin/pip install "flwr[simulation]==1.42.0" numpy
INVVIZ_FLWR_PYTHON=/tmp/flwr-env/bin/python python -m pytest -m slow tests/slow/test_flower.py
"""

import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from invviz.defenses import Clipping, GaussianNoise, Stack, flower_module

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
PYTHON = os.environ.get("INVVIZ_FLWR_PYTHON", "/tmp/flwr-env/bin/python")


@pytest.fixture
def in_flower(tmp_path):
    """Run a part of `flower_app.py` beside the written modules."""
    if not Path(PYTHON).exists():
        pytest.skip(f"{PYTHON} is not there; INVVIZ_FLWR_PYTHON names the python of an environment with flwr")
    (tmp_path / "clip_mod.py").write_text(flower_module(Stack((Clipping(clip_norm=0.5),))))
    (tmp_path / "bare_mod.py").write_text(flower_module(Stack((GaussianNoise(sigma=0.5, relative=False),))))
    shutil.copy(Path(__file__).with_name("flower_app.py"), tmp_path)

    def run(part):
        quiet = {
            "FLWR_TELEMETRY_ENABLED": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "FLWR_HOME": str(tmp_path / "home"),
            "PYTHONPATH": str(tmp_path),
        }
        environment = {k: v for k, v in os.environ.items() if k != "COVERAGE_PROCESS_START"} | quiet
        done = subprocess.run(
            [PYTHON, "flower_app.py", part], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
        assert lines, done.stdout[-2000:] + done.stderr[-4000:]
        return json.loads(lines[-1].removeprefix("FOUND "))

    return run


BESIDE = """
import runpy, sys
sys.path[:0], sys.path[len(sys.path):] = [sys.argv[1]], sys.argv[2:3]
sys.argv[1:] = sys.argv[4:]
runpy.run_path("flower_audit.py", run_name="__main__")
"""


def test_a_client_audits_its_own_first_update(tmp_path):
    """The example as it stands: Flower's packages first, those of this environment behind them."""
    if not Path(PYTHON).exists():
        pytest.skip(f"{PYTHON} is not there")
    shutil.copy(ROOT / "examples" / "flower_audit.py", tmp_path)
    (tmp_path / "beside.py").write_text(BESIDE)
    command = [PYTHON, "beside.py", str(ROOT), sysconfig.get_path("purelib"), "--"]
    for defense, words in (
        ("", "not sent: The first update gives a record away"),
        ("clipping(clip_norm=0.1)&gaussian_noise(sigma=0.5,relative=False)", "sent: ['0.weight'"),
    ):
        done = subprocess.run([*command, *filter(None, [defense])], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert any(line.startswith(words) for line in done.stdout.splitlines()), done.stdout + done.stderr[-3000:]
        assert "<html" in (tmp_path / "report.html").read_text()


def test_a_client_app_with_the_mod(in_flower):
    found = in_flower("in_process")
    assert list(found["train"]) == list(found["evaluate"]) == ["b", "w", "steps"], "order of the reply"
    assert [kind for kind, _ in found["train"].values()] == ["float64", "float32", "int64"]
    assert found["train"]["b"][1] == pytest.approx([0.3, 0]) and found["train"]["steps"][1] == 3
    assert found["train"]["w"][1] == [pytest.approx([1, 1.4]), [1, 1]], "an update of norm 5, a tenth of which is left"
    assert found["evaluate"]["w"][1] == [[1, 5], [1, 1]] and found["evaluate"]["steps"][1] == 9
    assert found["train metrics"] == found["evaluate metrics"] == {"num-examples": 8, "loss": 0.25}


def test_a_client_of_the_older_kind(in_flower):
    assert in_flower("older") == [["float32", [pytest.approx(0.3), 0]], ["float64", [1, pytest.approx(1.4), 1]]]


def test_a_simulation_of_two_clients_and_two_rounds(in_flower):
    found = in_flower("simulation")
    assert found["messages"] == 4 and found["dtype"] == ["float32"]
    assert found["std"] == pytest.approx([0.5] * 4, rel=0.05), "5,000 numbers: 1 % standard error"
    assert found["correlation"] < 0.08, "every client draws its own noise in every round (one deviation is 0.014)"
