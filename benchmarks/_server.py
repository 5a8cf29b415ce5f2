"""The app as a process that is watched: processor time, memory, open files and its health address. Linux only (/proc)."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np

TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """The app in a process of its own."""

    def __init__(self, tree: Path, store: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true"]
        environment = {**os.environ, "INVVIZ_STORE": str(store)}
        environment.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(command, cwd=tree, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}/"
        while health(self.url) is None:
            time.sleep(0.1)

    def cpu(self) -> float:
        """Seconds of CPU that the server itself has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def family(self) -> list[int]:
        """The server and all processes that it has started."""
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                except (OSError, IndexError):
                    continue
        found = [self.process.pid]
        for parent in found:
            found += [child for child, of in parents.items() if of == parent]
        return found

    def memory(self, everything: bool = False) -> float:
        """MB in use, pages that several processes share counted once (PSS): of the server, or of all its processes."""
        return sum(pss(pid) for pid in (self.family() if everything else [self.process.pid]))

    def files(self) -> int:
        """Open files and sockets of the server."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self) -> None:
        """Stop it and what it started."""
        self.process.terminate()
        self.process.wait(20)


def pss(pid: int) -> float:
    try:
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0.0
    return next((int(row.split()[1]) / 1024 for row in rows if row.startswith("Pss:")), 0.0)


def health(url: str) -> float | None:
    """Seconds until the health address answers; None where nothing answers."""
    start = time.perf_counter()
    try:
        urllib.request.urlopen(url + "_stcore/health", timeout=60).close()
    except OSError:
        return None
    return time.perf_counter() - start


async def watch_health(url: str, found: list[float], every: float = 0.25) -> None:
    """Ask again and again until cancelled; a question without an answer by then counts as long as it has waited."""
    while True:
        asked = time.perf_counter()
        try:
            answer = await asyncio.to_thread(health, url)
        except asyncio.CancelledError:
            found.append(time.perf_counter() - asked)
            raise
        found.append(float("inf") if answer is None else answer)
        await asyncio.sleep(every)


def quantile(values: list[float], share: float) -> float:
    return float(np.quantile(values, share)) if values else float("nan")
