"""What each defense does to attackers who do not know it and who do: `python docs/make_defenses.py` measures, with `--page` only writes the page."""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from defenses_page import FLOOR, PICTURES, PRIOR, SEARCH, SETTINGS, page

from invviz.core.errors import InvvizError
from invviz.defenses import DEFENSES, Stack
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.engine.summary import risk_summary
from invviz.jobs.worker import set_threads
from invviz.scenario import Scenario, problems, risk_problems

FIGURES, TARGET = Path(__file__).with_name("defenses.json"), Path(__file__).with_name("defenses.md")
MORE = (  # second strengths, and some that only look safe
    "gaussian_noise(sigma=0.1)",
    "gaussian_noise(sigma=1.0)",
    "clipping(clip_norm=0.1,relative=True)",
    "pruning(fraction=0.1)",
    "quantisation(bits=4)",
    "quantisation(bits=2)",
    "optimal_pruning(fraction=0.5)",
    "soteria(fraction=0.8)",
)
TOGETHER = ("defense=clipping&defense=gaussian_noise(sigma=0.1)", "defense=pruning(fraction=0.9)&defense=quantisation(bits=4)")


def rows() -> list[str]:
    """What is added to a picture's scenario, one text a row; the empty one is no defense."""
    found = [""]
    for name, kind in DEFENSES.items():
        if not kind.needs.embedding:
            found += [f"defense={name}", *(f"defense={text}" for text in MORE if text.startswith(f"{name}("))]
    return [*found, *TOGETHER, *SETTINGS]


def scenario(picture: str, row: str) -> Scenario:
    """The scenario of one row at one picture, of an unaware attacker; its spectrum is exact wherever that is not refused."""
    base = Scenario.parse("&".join(part for part in (PICTURES[picture], SEARCH, row) if part)).replace(floor=FLOOR, prior=PRIOR)
    exact = base.replace(method="exact")
    return base if risk_problems(exact) and not risk_problems(base) else exact


def measure(jobs: list[tuple[str, str]]) -> list[tuple[str, str, dict[str, Any]]]:
    """Rows at a picture that share one spectrum, in one process with one thread."""
    set_threads("run")
    site, assessed, found = Site.from_env(), {}, []
    for picture, row in jobs:
        s = scenario(picture, row)
        unaware = _attacked(s, site)
        aware = _attacked(s.replace(attacker="aware"), site) if s.defense else unaware  # without a defense there is nothing to know
        found.append(
            (picture, row, {"scenario": s.text(full=True), "unaware": unaware, "aware": aware, "ideal": _judged(s, site, assessed)})
        )
    return found


def _attacked(s: Scenario, site: Site) -> dict[str, Any]:
    if refused := problems(s):
        return {"refused": " ".join(refused)}
    try:
        facts = run(s, site).to_json()
    except InvvizError as err:
        return {"refused": str(err)}
    kept = ("matching_loss", "failed", "note", "seconds", "steps", "release_ms", "device", "data_note")
    return {"psnr": statistics.mean(facts["scores"]["psnr"]), **{name: facts[name] for name in kept}}


def _judged(s: Scenario, site: Site, assessed: dict[str, Any]) -> dict[str, Any]:
    if refused := risk_problems(s):
        return {"refused": " ".join(refused)}
    key = s.key("risk")
    try:
        found = assessed[key] = assessed[key] if key in assessed else assess(s, site)
    except InvvizError as err:
        return {"refused": str(err)}
    facts = risk_summary(s, found.decomposition, found.size, found.stages)
    del facts["singular_values"], facts["scenario"]
    sent = s.defense.bytes_of(found.size.count) / Stack().bytes_of(found.stages[0].count)
    return {"sent": sent, **facts}


def figures(processes: int) -> dict[str, Any]:
    """All rows measured, and on what."""
    start, groups = time.monotonic(), {}
    for picture in PICTURES:
        for row in rows():
            groups.setdefault(scenario(picture, row).key("risk"), []).append((picture, row))
    slowest_first = sorted(groups.values(), key=lambda jobs: scenario(*jobs[0]).coloured is None)
    table: dict[str, dict[str, Any]] = {row: {} for row in rows()}
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, fresh) as pool:
        running = [pool.submit(measure, jobs) for jobs in slowest_first]
        for done, job in enumerate(concurrent.futures.as_completed(running), 1):
            for picture, row, found in job.result():
                table[row][picture] = found
            sys.stderr.write(f"{done} of {len(running)} spectra, {time.monotonic() - start:.0f} s\n")
    made = {
        "date": datetime.date.today().isoformat(),
        "minutes": (time.monotonic() - start) / 60,
        "processes": processes,
        "machine": f"{os.cpu_count()} cores ({platform.machine()})",
        "software": f"Python {platform.python_version()}, torch {version('torch')}",
    }
    return {"made": made, "rows": table}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="write the page from defenses.json; nothing is measured")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if not given.page:
        FIGURES.write_text(json.dumps(figures(given.processes), indent=1, allow_nan=False) + "\n")
    TARGET.write_text(page(json.loads(FIGURES.read_text())))
