"""Memory of the server after hostile files on the page Audit: `python benchmarks/hostile.py --count 500 --rounds 3`.

What tests/hostile draws (cut short, overlapping, NaN, bombs, pickles, wrong shapes ...) goes through the page itself: tabs that speak Streamlit's websocket (`_tab.py`), ten files each, box or
text field by box. The first 50 warm the server up; then memory of the server's process (resident, and PSS) is told after every `--count` of them, once all tabs are closed. What counts is
from after the first 50 on. `--tree DIR` serves another checkout. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from _server import Server
from _tab import Tab
from streamlit.proto.WidgetStates_pb2 import WidgetState

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "hostile")]

from handed import drawn  # noqa: E402

from invviz.engine.intake import Handed  # noqa: E402

A_TAB = 10  # files of one visitor
WAIT = float(
    os.environ.get("WAIT", "190")
)  # seconds after the last tab was closed: Streamlit keeps it for two minutes, and garbage is collected once a minute


def resident(pid: int) -> float:
    """MB of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def hand_over(tab: Tab, one: Handed, mark: int) -> None:
    """Weights, records or the text of the net, whatever of it is not what it seems."""
    if one.weights:
        await tab.upload("**2. Weights**", one.weights[0], one.weights[1])
    for name, data in one.files[:1]:
        await tab.upload("**3. Records**", f"{mark}-{name}"[-80:], data)
    if "layers" in one.net and not one.weights and not one.files:
        field, fragment = tab.named("text_area", "Input shape and layers")
        await tab.run(WidgetState(id=field.id, string_value=str(one.net["layers"])[:100_000]), fragment)


async def visitors(url: str, files: Iterator[tuple[str, Handed]], count: int) -> tuple[int, int]:
    """Hand over so many; how many were refused in words, and how many runs of the page failed."""
    refused = failed = 0
    for first in range(0, count, A_TAB):
        tab = Tab(url + "audit")
        await tab.open()
        while not any(e.WhichOneof("type") == "file_uploader" and e.file_uploader.label.startswith("**3.") for e in tab.elements.values()):
            await tab.drawn()  # a page that is asked for by its own address is run within its frame a moment later
        for mark, (_, one) in enumerate(itertools.islice(files, min(A_TAB, count - first))):
            try:
                await hand_over(tab, one, first + mark)
            except OSError:  # larger than any box takes: it is turned away before it is read
                refused += 1
                continue
            kinds = [e.WhichOneof("type") for e in tab.elements.values()]
            refused += "alert" in kinds
            failed += "exception" in kinds
        await tab.close()
    return refused, failed


async def measure(server: Server, count: int, rounds: int) -> None:
    files = drawn(50 + count * rounds, Path(tempfile.gettempdir()) / "hostile-ran", seed=7)
    print(
        "| files | seconds | refused, pages that failed | resident, MB | PSS, MB | resident, against the first 50 |\n|---|---|---|---|---|---|"
    )
    done, first, early = 0, 0.0, Tab(server.url)
    await early.open()  # until the first visit of a server's life its pages stand alone
    await early.close()
    for many in (50, *[count] * rounds):
        start = time.monotonic()
        refused, failed = await visitors(server.url, files, many)
        took, done = time.monotonic() - start, done + many
        await asyncio.sleep(WAIT)
        now = resident(server.process.pid)
        first = first or now
        print(
            f"| {done} | {took:.0f} | {refused}, {failed} | {now:.1f} | {server.memory():.1f} | {100 * (now / first - 1):+.1f} % |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tree", type=Path, default=ROOT)
    args = parser.parse_args()
    warnings.filterwarnings("ignore", "Duplicate name")
    print(f"{os.cpu_count()} cores, load of the machine before: {os.getloadavg()[0]:.1f}\n", flush=True)
    with tempfile.TemporaryDirectory() as store:
        server = Server(args.tree, Path(store))
        try:
            asyncio.run(measure(server, args.count, args.rounds))
        finally:
            server.end()


if __name__ == "__main__":
    main()
