"""One server with a real worker for all files, and a headless Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not; the tests share looking

from looking import WINDOW

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
LEFT_EARLY = r"Exception in ASGI application\nTraceback(?:(?!Exception in ASGI).)*?WebSocketDisconnected: Cannot call [^\n]*"
"""What Streamlit's server writes when a browser goes in the very moment in which it comes; no page has run yet."""
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.contextmanager
def serving(folder: Path, store: Path, workers: int):
    """The app on a port of its own; one worker is enough, as each takes longer to import torch than most of these jobs take."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log.txt"
    environment = {**os.environ, "INVVIZ_STORE": str(store), "INVVIZ_WORKERS": str(workers)}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    url = f"http://127.0.0.1:{port}/"
    for _ in range(300):
        try:
            urllib.request.urlopen(url + "_stcore/health", timeout=1)
            break
        except OSError:
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(10)
    assert "Traceback" not in re.sub(LEFT_EARLY, "", log.read_text(), flags=re.DOTALL)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def server(tmp_path_factory, folder):
    """A server with a real worker."""
    with serving(tmp_path_factory.mktemp("server"), folder, 1) as url:
        yield url


@pytest.fixture
def fresh_server(tmp_path):
    """A server that nobody has visited; nobody computes for it."""
    with serving(tmp_path, tmp_path / "store", 0) as url:
        yield url


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is absent: apt-get install chromium, or name it with CHROMIUM=/path")
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install -r requirements-dev.txt")
    with playwright.sync_playwright() as p:
        yield p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture
def page(browser):
    context = browser.new_context(**WINDOW)
    page = context.new_page()
    page.set_default_timeout(120_000)  # two cores are shared with other tests
    errors = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    yield page
    assert page.locator('[data-testid="stException"]').count() == 0
    assert not errors
    context.close()
