"""What `pip install .` gives: everything that the pages need lies inside, and works from an empty folder that knows nothing of this checkout."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOOK = """
from streamlit.testing.v1 import AppTest
from invviz.core.paths import ROOT
from invviz.core import papers
from invviz.studies import gallery
import invviz
assert str(ROOT).startswith(invviz.__path__[0]), ROOT
assert papers.cite('xu2025invloss') and gallery.scenes()
at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
assert not at.exception, at.exception
print(" ".join(e.value for e in at.markdown))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from the files that git knows."""
    pytest.importorskip("hatchling", reason="pip install -r requirements-dev.txt")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "-q", "-w", str(folder)]
    subprocess.run(command, check=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Installed into a folder of its own, beside the dependencies that are here; how to run something there."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--no-compile", "-q", "--target", str(folder), str(wheel)], check=True
    )
    empty = tmp_path_factory.mktemp("empty")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INVVIZ")}
    environment |= {"PYTHONPATH": str(folder), "INVVIZ_STORE": str(empty / "store"), "INVVIZ_WORKERS": "0", "COVERAGE_PROCESS_START": ""}

    def start(*command: str, **more) -> subprocess.Popen:
        return subprocess.Popen(command, cwd=empty, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    start.command = str(folder / "bin" / "invviz")
    return start


def told(process: subprocess.Popen) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def test_everything_that_is_shown_lies_inside(wheel):
    inside = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    beside = Path("invviz/_beside")
    for folder in ("assets", "pages", ".streamlit"):
        known = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        assert known and {beside / name for name in known} <= inside
    assert {beside / "app.py", beside / "docs" / "references.bib"} <= inside
    assert not any(part in ("tests", "benchmarks") for name in inside for part in name.parts)
    assert all(f"invviz/studies/_commands/{name}.py" in map(str, inside) for name in ("gallery", "calibration", "equal"))


def test_the_command_computes(installed):
    assert "linear_layer" in told(installed(sys.executable, installed.command, "list", "attacks"))
    text = "data=digits&model=mlp&attack=linear_layer&dtype=float64"
    out, err = (process := installed(sys.executable, "-X", "importtime", installed.command, "run", text, "--json")).communicate(timeout=300)
    assert process.returncode == 0 and json.loads(out)["scores"]["psnr"][0] > 100
    assert "torch" in err and "sympy" not in err, "torch's compiler was loaded, which takes a second (core/_uncompiled.py)"
    assert "usage: invviz" in told(installed(sys.executable, installed.command, "--help"))


def test_the_pages_are_drawn_with_what_was_prepared(installed):
    out = told(installed(sys.executable, "-c", LOOK))
    assert "Scenes to try" in out and "InvRE 0." in out


def test_the_app_is_served(installed):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--server.port", str(port), "--server.headless", "true")
    process = installed(sys.executable, installed.command, "app", *options, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None:
            try:
                assert urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).read() == b"ok"
                break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail(f"it does not answer: {process.stderr.read() if process.poll() is not None else 'still starting'}")
        policy = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).headers["content-security-policy"]
        assert "default-src 'self'" in policy, "it is the app, with its gateway, and its own settings"
    finally:
        os.killpg(process.pid, 15)
        process.communicate(timeout=30)


@pytest.mark.slow
def test_a_fresh_environment_with_its_dependencies(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    there = tmp_path / "env" / "bin"
    subprocess.run([there / "pip", "install", "-q", "-r", ROOT / "requirements.txt", wheel], check=True)
    (tmp_path / "empty").mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("INVVIZ", "PYTHON"))} | {
        "INVVIZ_STORE": str(tmp_path / "store")
    }
    run = lambda *command: subprocess.run(command, cwd=tmp_path / "empty", env=environment, check=True, capture_output=True, text=True)  # noqa: E731
    assert "linear_layer" in run(there / "invviz", "list", "attacks").stdout
    assert "Scenes to try" in run(there / "python", "-c", LOOK).stdout
