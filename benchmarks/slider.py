"""What the noise slider costs: `PYTHONPATH=. python benchmarks/slider.py` (needs Chromium and requirements-dev.txt).

In Chromium, on the Lab's opening (32x32x3): time of the page's main thread for 60 events, one a frame, script, layout and painting together; from a key press to the picture; how far
the picture is from Python's at every place. On the server: what a table takes to make, its bytes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _chromium import FLAGS
from playwright.sync_api import CDPSession, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from noise_cases import SHOWN  # noqa: E402
from served import serving  # noqa: E402

from invviz.core.pixels import as_bytes  # noqa: E402
from invviz.risk import ideal  # noqa: E402
from invviz.studies import gallery  # noqa: E402
from invviz.ui.components import table  # noqa: E402
from invviz.ui.views import RiskView  # noqa: E402

TRIES = 5
READY = "document.querySelector('.noise.picture canvas')?.width > 300 && document.querySelector('.noise.spectrum .floor')"
EVENTS = """() => new Promise(done => {
  const input = document.querySelector('.noise.slider input'), took = []
  let k = 0
  const next = () => {
    if (k === 60) return done(took)
    const begin = performance.now()
    input.value = 1 + (k++ * 7) % 51
    input.dispatchEvent(new Event('input', { bubbles: true }))
    took.push(performance.now() - begin)
    requestAnimationFrame(next)
  }
  requestAnimationFrame(next)
})"""
KEY = """() => new Promise(done => {
  const input = document.querySelector('.noise.slider input'), canvas = document.querySelector('.noise.picture canvas')
  const before = canvas.toDataURL()
  input.focus()
  addEventListener('keydown', event => {
    const begin = event.timeStamp, look = () => canvas.toDataURL() !== before ? done(performance.now() - begin) : requestAnimationFrame(look)
    requestAnimationFrame(look)
  }, { once: true, capture: true })
})"""


def seconds(session: CDPSession) -> float:
    """Of the page's main thread, since it was opened."""
    return next(m["value"] for m in session.send("Performance.getMetrics")["metrics"] if m["name"] == "TaskDuration")


def in_chromium(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    whole, scripts = [], []
    for _ in range(TRIES):
        before = seconds(session)
        took = page.evaluate(EVENTS)
        whole.append(1000 * (seconds(session) - before))
        scripts.append(sum(took))
        assert len(took) == 60
        page.wait_for_timeout(500)
    print(f"| 60 events, main thread, ms | {min(whole):.0f} | {statistics.median(whole):.0f} | {max(whole):.0f} | at most 1,000 |")
    print(f"| of that in the event's own script, ms | {min(scripts):.0f} | {statistics.median(scripts):.0f} | {max(scripts):.0f} | |")
    keys = []
    for _ in range(2 * TRIES):
        page.evaluate(f"() => {{ window.waiting = ({KEY})() }}")
        page.keyboard.press("ArrowRight")
        keys.append(page.evaluate("() => window.waiting"))
        page.wait_for_timeout(600)
    print(f"| key press to picture, ms | {min(keys):.0f} | {statistics.median(keys):.0f} | {max(keys):.0f} | at most 100 |", flush=True)


def on_the_server() -> None:
    """A whole spectrum of 32x32x3; its directions are drawn at random, which takes no less to work with."""
    scene, rng = gallery.load("opening"), np.random.default_rng(0)
    assert scene is not None
    d = scene.decomposition
    directions = np.linalg.qr(rng.standard_normal((d.size, d.size)).astype(np.float32))[0]
    object.__setattr__(d, "basis", (directions * np.sqrt(d.weights)).astype(np.float32))
    view = RiskView(d, scene.size, scene.arrays["truth"], lambda sigma: ideal(d, sigma))
    sigmas = [float(s) for s in scene.size.rms * np.geomspace(1e-4, 10, 52)]
    took, wide = [], 0
    for _ in range(TRIES):
        begin = time.process_time()
        found = table.made(view, table.Stops(sigmas, sigmas), SHOWN, "lab")
        took.append(1000 * (time.process_time() - begin))
        wide = len(found.data)
    print(
        f"| a table for 3,072 values, server, CPU ms (once for a spectrum) | {min(took):.0f} | {statistics.median(took):.0f} | {max(took):.0f} | |"
    )
    kept = table.levels(sigmas)
    shown = table.ideals(d, list(kept))
    off = 0
    for sigma in sigmas:
        place = np.interp(np.log(sigma), np.log(kept), np.arange(len(kept)))
        low = min(int(place), len(kept) - 2)
        mixed = shown[low] + (place - low) * (shown[low + 1] - shown[low])
        off = max(off, int(np.abs(as_bytes(mixed).astype(int) - as_bytes(ideal(d, sigma))).max()))
    print(f"| its bytes | {wide:,} | | | |\n| farthest from Python's picture, of 255 | {off} | | | at most 1 |", flush=True)


def main() -> None:
    print(f"{os.cpu_count()} cores, {TRIES} tries\n\n| what | least | median | most | wanted |\n|---|---|---|---|---|", flush=True)
    on_the_server()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), Path(folder) / "store", 0) as url, sync_playwright() as p:
        browser = p.chromium.launch(executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900}, bypass_csp=True)
        page.goto(url)
        page.wait_for_function(READY, timeout=120_000)
        page.wait_for_timeout(2000)
        in_chromium(page)
        browser.close()


if __name__ == "__main__":
    main()
