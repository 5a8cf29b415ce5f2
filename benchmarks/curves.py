"""How quickly the Curves page opens over a full store, in a real Chromium: `python benchmarks/curves.py` (needs Chromium and requirements-dev.txt).

A store with 100,000 finished jobs, among them those of one sweep of 300 cells; seconds from the address to the plane drawn, of a warm server,
beside the same page over a store that holds the sweep alone. Least, median and most of several tries.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from invviz.jobs.store import Store
from invviz.studies.sweep import Sweep, asked, queue

ROOT = Path(__file__).parents[1]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
ROWS, TRIES = 100_000, 7
SWEEP = Sweep.parse(
    "data=digits&model=mlp&attack=linear_layer | defense=none,gaussian_noise(sigma=0.01..3/12),laplace_noise(scale=0.01..3/12) | seed=0..3 | data.index=0..2 | what=train,unaware,aware"
)


def fill(folder: Path, rows: int) -> None:
    """A finished sweep, and finished jobs of others up to a number of rows."""
    store, rng, now = Store(folder), np.random.default_rng(0), time.time()
    queue(SWEEP, store)
    made = {"run": {"scores": {"psnr": [20.0], "ssim": [0.5]}, "seconds": 1.0, "note": "", "failed": False}}
    with sqlite3.connect(folder / "store.db") as con:
        for kind, scenario in asked(SWEEP):
            strength = scenario.defense[-1] if scenario.defense else None
            level = getattr(strength, strength.strength) if strength else 0.0
            result = (
                {"accuracy": 0.9 - 0.1 * level + rng.normal(0, 0.01), "best": 0.9, "seconds": 1.0} if kind == "train" else dict(made["run"])
            )
            if kind == "run":
                result["scores"] = {"psnr": [30 - 8 * np.log10(1 + 100 * level) + rng.normal()], "ssim": [0.5]}
            state = "failed" if kind == "risk" else "done"
            con.execute(
                "UPDATE jobs SET state = ?, result = ?, started = ?, finished = ?, error = 'not part of this benchmark' WHERE key = ?",
                (state, json.dumps(result), now - 1, now, scenario.key(kind)),
            )
        others = ((f"other{k}", "run", f"data=digits&seed={k}", "done", k, json.dumps(made["run"]), now, now) for k in range(rows))
        con.executemany(
            "INSERT INTO jobs (key, kind, scenario, state, priority, ticket, owner, result, started, finished) VALUES (?, ?, ?, ?, 0, ?, 'x', ?, ?, ?)",
            others,
        )


def opened(page: Page, url: str) -> float:
    start = time.perf_counter()
    page.goto(url)
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    page.get_by_text("At most").first.wait_for()
    return time.perf_counter() - start


def measure(rows: int) -> list[float]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as p:
        fill(Path(folder), rows)
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true"]
        environment = {**os.environ, "INVVIZ_STORE": folder, "INVVIZ_WORKERS": "0"}
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(6)
            browser = p.chromium.launch(executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900}, bypass_csp=True)
            page.set_default_timeout(60_000)
            url = f"http://127.0.0.1:{port}/curves?of={SWEEP.key}"
            opened(page, url)  # the first visitor warms the server
            return [opened(page, url) for _ in range(TRIES)]
        finally:
            server.terminate()
            server.wait(10)


def main() -> None:
    print("| rows in the store | least | median | most | wanted |\n|---|---|---|---|---|")
    for rows, wanted in ((0, ""), (ROWS, "under 2")):
        found = measure(rows)
        print(
            f"| {rows:,} beside the sweep | {min(found):.2f} | {statistics.median(found):.2f} | {max(found):.2f} | {wanted} |", flush=True
        )


if __name__ == "__main__":
    main()
