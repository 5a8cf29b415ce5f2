"""The page Results over many results: `python benchmarks/results.py --rows 100000`.

Makes a store of so many finished jobs, each with a result of the usual size, and measures the questions that the page asks, the opening of the page in a browser's place (Streamlit's
websocket, `_tab.py`; a fresh tab each time) plainly and narrowed, and how long it takes to file a store that an older invviz has written (every result is read once).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from _chromium import FLAGS
from _tab import Tab
from load import Server
from playwright.sync_api import sync_playwright

from invviz.jobs.store import Store, Wanted, _filing
from invviz.scenario import Scenario

LISTED = "document.querySelector('[data-testid=stDataFrame] canvas')?.width > 300"
ATTACKS = ("dlg", "inverting_gradients", "linear_layer", "gauss_newton")
DEFENSES = (
    "",
    "&defense=gaussian_noise(sigma={s})",
    "&defense=pruning(fraction=0.9)",
    "&defense=clipping&defense=laplace_noise(scale={s})",
)


def fill(store: Store, rows: int) -> None:
    """As workers would have handed them in: text, result (about 3 kB), what is filed; every hundredth with pictures."""
    draw, now, texts = random.Random(1), time.time(), {}
    pictures = {name: np.zeros((1, 3, 32, 32), np.float32) for name in ("truth", "guess")}
    with store._db.write() as con:
        for number in range(rows):
            kind = draw.choices(("run", "risk", "train"), (80, 15, 5))[0]
            shape = (
                kind,
                draw.choice(("digits", "photos", "cifar10")),
                draw.choice(("mlp", "lenet", "convnet")),
                draw.randrange(4),
                draw.choice(ATTACKS),
            )
            if shape not in texts:
                defense = DEFENSES[shape[3]].format(s=0.05)
                texts[shape] = Scenario.parse(f"data={shape[1]}&model={shape[2]}{defense}&attack={shape[4]}").form(kind)
            text, key, value = texts[shape] + f"&seed={number}", f"{number:020x}", draw.gauss(20, 6)
            trace = [[step, draw.random()] for step in range(80)]
            result = {
                "scores": {"psnr": [value], "ssim": [0.5]},
                "seconds": 1.0,
                "trace": trace,
                "accuracy": draw.random(),
                "size": {},
                "stages": [],
            }
            filed = _filing.filed(kind, text, result, store.folder(key))
            con.execute(
                "INSERT INTO jobs (key, kind, scenario, state, priority, ticket, owner, started, finished, result, bytes) VALUES (?, ?, ?, 'done', 0, ?, 'sweep-x', ?, ?, ?, ?)",
                (
                    key,
                    kind,
                    text,
                    number,
                    now - rows + number - draw.random(),
                    now - rows + number,
                    json.dumps(result),
                    24_832 * (number % 100 == 0),
                ),
            )
            con.execute(_filing.FILE, (*filed, now - rows + number, key))
            if number % 100 == 0:
                store.folder(key).mkdir(parents=True)
                for name, picture in pictures.items():
                    np.save(store.folder(key) / f"{name}.npy", picture)


def questions(store: Store) -> None:
    asked = {
        "first page, newest": lambda: store.listed(Wanted()),
        "count": lambda: store.count(Wanted()),
        "kinds": store.kinds,
        "counts of four parts": lambda: store.counts(Wanted()),
        "attacks by score": lambda: store.listed(Wanted("run"), "score"),
        "last page by score": lambda: store.listed(Wanted("run"), "score", offset=store.count(Wanted("run")) - 25),
        "one defense, 20 to 30 dB": lambda: store.listed(Wanted("run", (("defense", "pruning"),), 20.0, 30.0), "score"),
        "whole list (Parquet)": lambda: store.listed(Wanted(), limit=-1),
    }
    print("| question to the store | ms, best of 5 | worst |\n|---|---|---|")
    for name, ask in asked.items():
        took = []
        for _ in range(5):
            start = time.perf_counter()
            ask()
            took.append(1000 * (time.perf_counter() - start))
        print(f"| {name} | {min(took):.0f} | {max(took):.0f} |", flush=True)


async def opened(url: str) -> float:
    """Seconds from the connection of a new tab until the page has been drawn."""
    tab, start = Tab(url), time.perf_counter()
    await tab.open()
    while not any(e.WhichOneof("type") == "dataframe" for e in tab.elements.values()):
        await tab.drawn()  # a page that is asked for by its own address is run within its frame a moment later
    took = time.perf_counter() - start
    await tab.close()
    return took


def seen(url: str) -> tuple[list[float], list[float]]:
    """In Chromium: seconds from the address until the list is drawn in a window that has to load the whole app first, and from a click in the navigation of the open app."""
    fresh, clicked = [], []
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=FLAGS)
        for _ in range(5):
            context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
            page, start = context.new_page(), time.perf_counter()
            page.goto(url + "results")
            page.wait_for_function(LISTED, timeout=120_000)
            fresh.append(time.perf_counter() - start)
            page.get_by_test_id("stTopNavLink").filter(has_text="Guide").click()
            page.locator(".guide h2").wait_for()
            page.wait_for_timeout(1500)
            start = time.perf_counter()
            page.get_by_test_id("stTopNavLink").filter(has_text="Results").click()
            page.wait_for_function(LISTED, timeout=120_000)
            clicked.append(time.perf_counter() - start)
            context.close()
        browser.close()
    return fresh, clicked


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as place:
        store = Store(Path(place))
        start = time.perf_counter()
        fill(store, rows)
        print(
            f"{rows:,} results made in {time.perf_counter() - start:.0f} s; store.db {(Path(place) / 'store.db').stat().st_size / 1e6:.0f} MB\n"
        )
        questions(store)
        server = Server(Path(__file__).parents[1], Path(place))
        try:
            print("\n| opening in a fresh tab | s, best of 5 | worst |\n|---|---|---|")
            asyncio.run(opened(server.url + "results"))  # the first visit of a server's life imports and starts workers
            for query in ("", "?kind=run&order=highest", "?kind=run&of_defense=pruning&span=20..30&order=lowest", "?place=4000"):
                took = [asyncio.run(opened(f"{server.url}results{query}")) for _ in range(5)]
                print(f"| results{query} | {min(took):.2f} | {max(took):.2f} |", flush=True)
            if os.environ.get("CHROMIUM") or shutil.which("chromium"):
                for what, took in zip(("a window without the app yet", "a click in the open app"), seen(server.url), strict=True):
                    print(f"| in Chromium, until the list is drawn: {what} | {min(took):.2f} | {max(took):.2f} |", flush=True)
        finally:
            server.end()
        with store._db.write() as con:
            con.execute("UPDATE jobs SET filed = NULL")
        start = time.perf_counter()
        assert store.file_results(1e9) == 0
        print(
            f"\nFiled anew, as after an older invviz: {time.perf_counter() - start:.0f} s in all, a part of 0.4 s at every drawing of the page."
        )


if __name__ == "__main__":
    main()
