"""The app as a server of its own, for tests that come in through the network."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEFT_EARLY = r"Exception in ASGI application\nTraceback(?:(?!Exception in ASGI).)*?WebSocketDisconnected: Cannot call [^\n]*"
"""What Streamlit's server writes when a browser goes in the very moment in which it comes; no page has run yet."""


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
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(url + "_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)
    assert "Traceback" not in re.sub(LEFT_EARLY, "", log.read_text(), flags=re.DOTALL)
