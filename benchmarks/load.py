"""Many visitors on one server: `python benchmarks/load.py [slide|classroom|uploads|greedy] --seconds 600 --sessions 1,10,30`.

- slide: sessions that move the Lab's noise slider every 1 to 3 seconds, with idle and with busy workers: p50 and p95 from the move to the finished
  redrawing, CPU of the server for each, memory, and how long its health address took.
- classroom: sessions that come, look at a page, move a slider where there is one, and go, for the whole time: memory and open files every tenth of it.
- uploads: tabs that upload a picture of their own, wait for `--settle` seconds and close all at once: memory of all processes, and the health address meanwhile.
- greedy: in the profile of a classroom one visitor asks for as much as one may have waiting, and others ask for one job each, quick and long ones in turn: how long each waits until it
  begins, and until it is done.

Speaks Streamlit's websocket (`_tab.py`). `--tree DIR` serves another checkout, to set two versions beside each other in one run. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _greedy import greedy
from _server import Server, quantile, watch_health
from _tab import Tab
from PIL import Image

ROOT = Path(__file__).parents[1]
PAGES = ("", "risk", "defend", "curves", "vertical", "attacks")
BUSY = "data=photos&model=lenet&defense=gaussian_noise(sigma=0.05)&attack=inverting_gradients(steps=50000)&seed="


async def slider(url: str, seed: int, until: float, start: float, took: list[float]) -> None:
    """One person who moves the noise about; what happens before `start` is not counted."""
    draw, tab = random.Random(seed), Tab(url)
    await tab.open()
    while time.monotonic() < until:
        await asyncio.sleep(draw.uniform(1.0, 3.0))
        moved = time.perf_counter()
        await tab.slide("Gaussian noise", draw.randrange(1000))
        if time.monotonic() > start:
            took.append(time.perf_counter() - moved)
    await tab.close()


async def slide(server: Server, sessions: int, seconds: float, warm: float = 10.0) -> dict[str, float]:
    begin = time.monotonic() + warm + sessions / 5
    took: list[float] = []
    well: list[float] = []
    tasks = [asyncio.create_task(slider(server.url, seed, begin + seconds, begin, took)) for seed in range(sessions)]
    await asyncio.sleep(begin - time.monotonic())
    watching = asyncio.create_task(watch_health(server.url, well))
    before, memory = server.cpu(), server.memory()
    await asyncio.gather(*tasks)
    spent = server.cpu() - before
    watching.cancel()
    return {
        "reruns": len(took),
        "p50": 1000 * quantile(took, 0.5),
        "p95": 1000 * quantile(took, 0.95),
        "cpu": 1000 * spent / max(1, len(took)),
        "memory": memory,
        "memory_end": server.memory(),
        "health": 1000 * quantile(well, 0.95),
        "health_most": 1000 * max(well),
    }


async def visits(url: str, seed: int, until: float, seen: list[int]) -> None:
    """One chair in the classroom, and who sits on it one after the other."""
    draw = random.Random(seed)
    while time.monotonic() < until:
        tab = Tab(url + draw.choice(PAGES))
        try:
            await tab.open()
            for _ in range(draw.randrange(4)):
                await asyncio.sleep(draw.uniform(0.5, 2.0))
                if any(e.WhichOneof("type") == "slider" and e.slider.label.startswith("Gaussian noise") for e in tab.elements.values()):
                    await tab.slide("Gaussian noise", draw.randrange(1000))
                else:
                    await tab.run()
            seen.append(seed)
        finally:
            await tab.close()


async def classroom(server: Server, sessions: int, seconds: float) -> None:
    begin = time.monotonic()
    seen: list[int] = []
    well: list[float] = []
    tasks = [asyncio.create_task(visits(server.url, seed, begin + seconds, seen)) for seed in range(sessions)]
    watching = asyncio.create_task(watch_health(server.url, well))
    print("| minutes | visits so far | server, MB | open files | threads |\n|---|---|---|---|---|")
    for part in range(11):
        await asyncio.sleep(max(0.0, begin + seconds * part / 10 - time.monotonic()))
        threads = len(os.listdir(f"/proc/{server.process.pid}/task"))
        print(f"| {seconds * part / 600:.1f} | {len(seen)} | {server.memory():.0f} | {server.files()} | {threads} |", flush=True)
    await asyncio.gather(*tasks)
    watching.cancel()
    await asyncio.sleep(5)
    print(f"| all gone | {len(seen)} | {server.memory():.0f} | {server.files()} | {len(os.listdir(f'/proc/{server.process.pid}/task'))} |")
    print(f"\nHealth: p95 {1000 * quantile(well, 0.95):.0f} ms, most {1000 * max(well):.0f} ms.")


def picture(seed: int) -> bytes:
    """Some picture, another one for each seed."""
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((96, 96), Image.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()


async def uploads(server: Server, sessions: int, settle: float) -> None:
    tabs = [Tab(server.url + "?data=photos&model=lenet&defense=gaussian_noise(sigma=0.05)&attack=dlg") for _ in range(sessions)]
    print("| what | processes | all, MB | server, MB |\n|---|---|---|---|")
    say = lambda what: print(  # noqa: E731
        f"| {what} | {len(server.family())} | {server.memory(True):.0f} | {server.memory():.0f} |", flush=True
    )
    for tab in tabs:
        await tab.open()
    say(f"{sessions} tabs open")
    for number, tab in enumerate(tabs):
        await tab.upload("", "own.png", picture(number))
    say("each with a picture of its own")
    most, until = 0.0, time.monotonic() + settle
    while time.monotonic() < until:
        await asyncio.sleep(min(10.0, settle))
        for tab in tabs:
            await tab.run()
        most = max(most, server.memory(True))
    say(f"after {settle:.0f} s more (most: {most:.0f} MB)")
    well: list[float] = []
    watching = asyncio.create_task(watch_health(server.url, well, 0.02))
    await asyncio.gather(*(tab.close() for tab in tabs))
    await asyncio.sleep(12)
    watching.cancel()
    await asyncio.wait([watching])
    say("12 s after all were closed")
    print(f"\nHealth while they closed: p95 {1000 * quantile(well, 0.95):.0f} ms, most {1000 * max(well):.0f} ms ({len(well)} questions).")


def keep_busy(store: Path, tree: Path) -> None:
    """Give the workers attacks that take longer than anybody measures."""
    code = f"from invviz.jobs.store import Store; from invviz.scenario import Scenario\nfor s in range(8): Store({str(store)!r}).submit('run', Scenario.parse({BUSY!r} + str(s)), f'load{{s}}')"
    subprocess.run([sys.executable, "-c", code], cwd=tree, check=True)


async def settled(server: Server) -> None:
    """One visitor starts workers and imports; wait until they have."""
    tab = Tab(server.url)
    await tab.open()
    for place in range(5):
        await tab.slide("Gaussian noise", place)
    await asyncio.sleep(15)
    await tab.close()


async def measure(args: argparse.Namespace) -> None:
    if args.what == "slide":
        print("| sessions | workers | reruns | p50, ms | p95, ms | CPU a rerun, ms | server, MB: start, end | health p95, most, ms |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
    for sessions in map(int, args.sessions.split(",")):
        for workers in args.workers.split(",") if args.what == "slide" else ["idle"]:
            with tempfile.TemporaryDirectory() as folder:
                server = Server(args.tree, Path(folder))
                try:
                    await settled(server)
                    if workers == "busy":
                        keep_busy(Path(folder), args.tree)
                        await asyncio.sleep(3)
                    if args.what == "slide":
                        f = await slide(server, sessions, args.seconds)
                        print(
                            f"| {sessions} | {workers} | {f['reruns']:.0f} | {f['p50']:.0f} | {f['p95']:.0f} | {f['cpu']:.0f} "
                            f"| {f['memory']:.0f}, {f['memory_end']:.0f} | {f['health']:.0f}, {f['health_most']:.0f} |",
                            flush=True,
                        )
                    elif args.what == "greedy":
                        await asyncio.to_thread(greedy, Path(folder), args.tree, args.seconds)
                    elif args.what == "classroom":
                        await classroom(server, sessions, args.seconds)
                    else:
                        await uploads(server, sessions, args.settle)
                finally:
                    server.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="slide", choices=["slide", "classroom", "uploads", "greedy"])
    parser.add_argument("--sessions", default="1,10,30")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--workers", default="idle,busy")
    parser.add_argument("--settle", type=float, default=60.0)
    parser.add_argument("--tree", type=Path, default=ROOT)
    args = parser.parse_args()
    if args.what == "greedy":
        os.environ["INVVIZ_PROFILE"] = "classroom"
    print(f"{os.cpu_count()} cores, load of the machine before: {os.getloadavg()[0]:.1f}\n", flush=True)
    asyncio.run(measure(args))


if __name__ == "__main__":
    main()
