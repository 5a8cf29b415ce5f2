"""How quickly the Lab answers, in a real Chromium: `python benchmarks/lab.py` (needs Chromium and requirements-dev.txt).

Prints seconds for: the default screen of a warm server, a slider move from key press to new picture, the first live frame after Run,
frames a second, and Stop. Least, median and most of several tries.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _chromium import FLAGS
from playwright.sync_api import Page, sync_playwright

from invviz.jobs.store import Store
from invviz.scenario import Scenario

ROOT = Path(__file__).parents[1]
PICTURES = ".st-key-pictures :is(img, canvas):not([class*=st-key-plain] *)"
PIXELS = "e => e.src || e.toDataURL()"
LONG = "data=photos&model=lenet&defense=gaussian_noise&attack=inverting_gradients(steps=50000)&prior=natural&floor=0.0001"
TRIES = 5


def row(what: str, values: list[float], wanted: str) -> None:
    print(f"| {what} | {min(values):.2f} | {statistics.median(values):.2f} | {max(values):.2f} | {wanted} |", flush=True)


def changed(page: Page, place: int, old: str) -> None:
    page.wait_for_function(
        f"([s, i, old]) => {{ const e = document.querySelectorAll(s)[i]; return e && ({PIXELS})(e) !== old; }}", arg=[PICTURES, place, old]
    )


def source(page: Page, place: int) -> str:
    return page.locator(PICTURES).nth(place).evaluate(PIXELS)


def screen(page: Page, url: str) -> float:
    start = time.perf_counter()
    page.goto(url)
    page.get_by_text("of what was unknown").first.wait_for()
    page.locator(".noise.spectrum svg").wait_for()
    page.wait_for_function("s => [...document.querySelectorAll(s)].filter(e => e.complete ?? true).length === 3", arg=PICTURES)
    return time.perf_counter() - start


def slide(page: Page) -> float:
    old, start = source(page, 1), time.perf_counter()
    page.keyboard.press("ArrowRight")
    changed(page, 1, old)
    seconds = time.perf_counter() - start
    page.wait_for_timeout(500)
    return seconds


def attack(page: Page, url: str, store: Store, seed: int) -> tuple[float, float, float, float]:
    """First frame, frames a second, Stop until the attack has ended, Stop until the page shows it."""
    text = f"{LONG}&seed={seed}"
    page.goto(url + "?" + text.replace("steps=", "steps%3D"))
    page.get_by_text("of what was unknown").first.wait_for(timeout=120_000)
    page.wait_for_timeout(1000)
    old, start = source(page, 2), time.perf_counter()
    page.get_by_role("button", name="Run the attack").click()
    changed(page, 2, old)
    first = time.perf_counter() - start
    seen, until = set(), time.perf_counter() + 3
    while time.perf_counter() < until:
        seen.add(source(page, 2))
        page.wait_for_timeout(20)
    start = time.perf_counter()
    page.locator('[data-testid="stMain"]').get_by_role("button", name="Stop").click()
    while store.job(Scenario.parse(text).key("run")).active:  # type: ignore[union-attr]
        time.sleep(0.01)
    ended = time.perf_counter() - start
    page.get_by_role("button", name="Run it again").wait_for()
    return first, len(seen) / 3, ended, time.perf_counter() - start


def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as p:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true"]
        environment = {**os.environ, "INVVIZ_STORE": folder}
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(5)
            browser = p.chromium.launch(executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900}, bypass_csp=True)
            page.set_default_timeout(60_000)
            screen(page, url)  # the first visitor warms the server
            time.sleep(10)  # and the workers import torch
            print(f"{os.cpu_count()} cores; seconds, {TRIES} tries\n\n| what | least | median | most | wanted |\n|---|---|---|---|---|")
            row("default screen, warm server", [screen(page, url) for _ in range(TRIES)], "at most 2")
            page.get_by_role("slider").first.focus()
            row("slider: key press to new picture", [slide(page) for _ in range(2 * TRIES)], "at most 0.3")
            figures = list(zip(*(attack(page, url, Store(folder), seed) for seed in range(TRIES)), strict=True))
            row("first live frame after Run", list(figures[0]), "at most 2")
            row("frames a second (not seconds)", list(figures[1]), "at least 2")
            row("Stop until the attack has ended", list(figures[2]), "at most 1")
            row("Stop until the page shows its result", list(figures[3]), "")
            browser.close()
        finally:
            server.terminate()
            server.wait(10)


if __name__ == "__main__":
    main()
