"""One server with a real worker for all files, and a headless Chromium."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode does not; the tests share looking
sys.path.insert(0, str(Path(__file__).parents[1]))  # and served

from looking import WINDOW
from served import serving

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
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


@pytest.fixture(scope="session")
def context(browser):
    """The browser of one person, who has been here before: the app's scripts come translated from its cache. To the app each tab is somebody else (invviz/ui/session.py)."""
    return browser.new_context(**WINDOW)


@pytest.fixture(scope="session")
def strict(browser):
    """A browser that keeps to the app's own content security policy."""
    return browser.new_context(**{**WINDOW, "bypass_csp": False}, permissions=["clipboard-read", "clipboard-write"])


@pytest.fixture
def page(context):
    page = context.new_page()
    page.set_default_timeout(120_000)  # two cores are shared with other tests
    errors = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    yield page
    broken = page.locator('[data-testid="stException"]').count()
    page.close()
    context.clear_permissions()
    assert not broken and not errors
