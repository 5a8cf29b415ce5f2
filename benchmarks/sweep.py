"""How well a sweep uses the cores: `python benchmarks/sweep.py [--workers 2] [--seeds 4]`.

Efficiency is the time of the same jobs one after the other in one warm process, over workers times the wall time of the sweep, start of the
workers included. Half of the single process's jobs run before the sweep and half after it, so that a machine that becomes busier does not
favour either. Every job computes on one thread. Two factors say where time goes: how busy the workers were, and how much slower a job is
beside another one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from invviz.engine.client import Site
from invviz.jobs.store import Store
from invviz.jobs.worker import execute, warm_up
from invviz.studies.sweep import Sweep, asked, compute

BASE = "data=digits&model=lenet&batch=8&attack=inverting_gradients(steps=500)&train=federated(rounds=600,clients=4)"
AXES = ("defense=none,gaussian_noise(sigma=0.001..0.1/3)", "seed=0..{}")


def one_by_one(jobs: list, site: Site) -> float:
    start = time.perf_counter()
    for kind, scenario in jobs:
        execute(kind, scenario, site, lambda event: True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=4)
    args = parser.parse_args()
    sweep = Sweep.of(BASE, [axis.format(args.seeds - 1) for axis in AXES], ("train", "unaware"))
    jobs = asked(sweep)
    with tempfile.TemporaryDirectory() as folder:
        alone, together = (Site(None, Path(folder) / name, "cpu") for name in ("alone", "together"))
        store = Store(together.cache_dir)
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {len(jobs)} jobs, {args.workers} workers", flush=True)
        warm_up(alone)
        serial = one_by_one(jobs[::2], alone)
        start = time.perf_counter()
        compute(sweep, store, together, args.workers, lambda told: None)
        wall = time.perf_counter() - start
        serial += one_by_one(jobs[1::2], alone)
        known = list(store.jobs([scenario.key(kind) for kind, scenario in jobs]).values())
    if failed := [job.error for job in known if job.state != "done"]:
        raise SystemExit(f"{len(failed)} jobs were not done: {failed[0]}")
    busy = sum(job.seconds for job in known)
    first = min(job.finished - job.seconds for job in known) - (max(job.finished for job in known) - wall)
    print(f"load {os.getloadavg()[0]:.1f} afterwards; the first job began after about {first:.1f} s\n")
    print(
        "| jobs | one by one, s | sweep, s | workers busy | a job's time alone / beside others | efficiency | wanted |\n|---|---|---|---|---|---|---|"
    )
    shares = f"{busy / (args.workers * wall):.2f} | {serial / busy:.2f} | {serial / (args.workers * wall):.2f}"
    print(f"| {len(jobs)} | {serial:.1f} | {wall:.1f} | {shares} | at least 0.85 |")


if __name__ == "__main__":
    main()
