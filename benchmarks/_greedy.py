"""One visitor who asks for as much as one may have waiting, and others with a job each: how long those wait."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from _server import quantile

ASK = """
import json, sys, time
from invviz.core.errors import LimitError
from invviz.jobs import limits
from invviz.jobs.store import Store
from invviz.scenario import Scenario
store, asked = Store(sys.argv[1], gate=limits.gate()), 0
first = [store.submit("run", Scenario.parse(sys.argv[4] + str(seed)), f"first-{seed}") for seed in range(900, 906)]
while any(store.job(key).state in ("queued", "running") for key in first):  # until the workers have come up
    time.sleep(0.5)
try:
    for seed in range(1000):  # each as dear as one job may be here
        s = next(s for steps in range(60000, 0, -1000) if not limits.too_dear("run", s := Scenario.parse(sys.argv[2].format(steps=steps) + str(seed))))
        store.submit("run", s, "greedy")
        asked += 1
except LimitError as err:
    print(json.dumps({"asked": asked, "refused": str(err), "job": s.text()}), flush=True)
until, waits = time.time() + float(sys.argv[3]), []
while time.time() < until:
    time.sleep(5)
    dear = len(waits) % 2
    s, start, begun = Scenario.parse(sys.argv[4 + dear] + str(len(waits))), time.time(), None
    key = store.submit("run", s, f"pupil-{len(waits)}")
    while (job := store.job(key)).state not in ("done", "failed", "stopped"):
        begun = begun or (time.time() if job.state == "running" else None)
        if dear and begun:
            store.stop(key)  # that it began is all that is asked
        time.sleep(0.05)
    waits.append([(begun or time.time()) - start, time.time() - start, job.state, limits.check_price("run", s)])
print(json.dumps(waits))
"""
DEAR = "data=photos&model=lenet&defense=gaussian_noise(sigma=0.05)&attack=inverting_gradients(steps={steps})&seed="
LONGER = DEAR.format(steps=20000)
PUPIL = "data=digits&model=lenet&defense=gaussian_noise(sigma=0.05)&attack=dlg&seed="


def greedy(store: Path, tree: Path, seconds: float) -> None:
    """What others wait for while one visitor has as much waiting as one may."""
    out = subprocess.run(
        [sys.executable, "-c", ASK, str(store), DEAR, str(seconds), PUPIL, LONGER], cwd=tree, check=True, capture_output=True, text=True
    )
    told, found = map(json.loads, out.stdout.splitlines())
    print(f"One visitor has {told['asked']} jobs waiting ({told['job']}), then: {told['refused']}\n")
    print(
        "| others | price, s | wait until it begins: median, most, s | until it is done: median, most, s | not done |\n|---|---|---|---|---|"
    )
    for kind in (0, 1):  # quick ones, and long ones, which are stopped when they have begun
        some = found[kind::2]
        begun, done = ([row[place] for row in some] for place in (0, 1))
        end = f"{quantile(done, 0.5):.1f}, {max(done):.1f} | {sum(row[2] != 'done' for row in some)}" if not kind else "stopped | –"
        print(f"| {len(some)} | {max(row[3] for row in some):.0f} | {quantile(begun, 0.5):.1f}, {max(begun):.1f} | {end} |")
