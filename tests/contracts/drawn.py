"""Scenarios drawn at random from the tables that `problems` accepts, each run with few steps.

    PYTHONPATH=. python tests/contracts/drawn.py [SEED] [COUNT]

prints one line for each: seconds of processor time, what became of it, its text. Sixteen gigabytes and two minutes are all that one may take.
"""

from __future__ import annotations

import math
import resource
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from invviz.core.errors import InvvizError
from invviz.datasets.fair import is_here as fair_is_here
from invviz.scenario import PARTS, Scenario, problems

FEW = {"steps": 5, "restarts": 1, "epochs": 1, "pictures": 64, "party_batch": 16, "dense": 200, "turn": 2, "proxy": 16, "denoisings": 1}
FURTHER = ("ecg", "notes", *(["fair"] if fair_is_here() else []))  # for attacks that are made for other samples than pictures and numbers
DATA = ("photos", "digits", "breast_cancer", "wine", *FURTHER)
LIMITS = {"width": 64, "index": 5, "local_steps": 5}  # so that a hundred of them take minutes
MEMORY = 16 << 30
PATIENCE = 120  # seconds of processor time
TRIES = 40_000  # until an attack counts as one that nothing fits


def some(kind, rng, fixed, width=LIMITS["width"]):
    """A component with knobs at random: at its default, or anywhere in its range."""
    values = {}
    for knob in kind.knobs():
        if knob.name in fixed:
            values[knob.name] = fixed[knob.name]
        elif rng.random() < 0.5:
            continue
        elif knob.choices:
            values[knob.name] = knob.choices[rng.integers(len(knob.choices))]
        elif isinstance(knob.default, bool):
            values[knob.name] = bool(rng.integers(2))
        elif isinstance(knob.default, (int, float)):
            values[knob.name] = number(knob, rng, {**LIMITS, "width": width})
    return kind().replace(**values)


def number(knob, rng, limits):
    low, high = float(knob.low), float(min(knob.high, limits.get(knob.name, math.inf)))
    if isinstance(knob.default, int):
        high = min(high, 64.0) if knob.name not in ("size", "mask_seed") else high
        return int(rng.integers(int(low), int(high) + 1))
    if knob.log and low > 0:
        return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")
    return min(high, max(low, float(f"{rng.uniform(low, high):.3g}")))


def drawn(seed, count, data=DATA, width=LIMITS["width"]):
    """So many scenarios that fit, every attack about as often; on data and with nets as wide as is said."""
    rng, found = np.random.default_rng(seed), []
    pick = lambda table: table[list(table)[rng.integers(len(table))]]  # noqa: E731
    attacks = [kind for kind in PARTS["attack"].values() if any(kind.takes(PARTS["data"][name].modality.name) for name in data)]
    while len(found) < count:
        kind = attacks[len(found) % len(attacks)]
        sources = [name for name in data if kind.takes(PARTS["data"][name].modality.name)]
        servers = (
            {name: one for name, one in PARTS["server"].items() if one.plan == kind.reads}
            if kind.reads
            else {"honest": PARTS["server"]["honest"]}
        )
        for turn in range(TRIES):
            wide = width if turn < TRIES // 8 else LIMITS["width"]  # some need more room than others
            source = some(PARTS["data"][sources[rng.integers(len(sources))]], rng, {})
            table = bool(source.columns)  # most parts are for pictures only
            attack = some(kind, rng, {**FEW, "tv": 0.0} if table else FEW, wide)
            nets = {name: net for name, net in PARTS["model"].items() if net.takes(source.modality.name)}
            model = some(PARTS["model"]["mlp"] if table else pick(nets), rng, {"init": "random"}, wide)
            scenario = Scenario(
                data=source,
                model=model,
                server=some(pick(servers), rng, {}),
                protocol=some(pick(PARTS["protocol"]), rng, {}),
                defense=tuple(some(pick(PARTS["defense"]), rng, {}) for _ in range(rng.integers(3))),
                attack=attack,
                attacker=("unaware", "aware")[rng.integers(2)],
                batch=int((1, 1, 2, 4, 8)[rng.integers(5)]),
                rounds=int((1, 1, 1, 2)[rng.integers(4)]),
                dtype=("float32", "float64")[rng.integers(2)],
            )
            if not problems(scenario):
                break
        else:
            raise AssertionError(f"{TRIES} scenarios were drawn for {kind.name}, and none of them fits")
        found.append(scenario)
    return found


def tried(scenario, site, patience=PATIENCE):
    """What became of it: "ran", or why not."""
    from invviz.engine.attack import run

    out = []

    def late(signum, frame):
        out.append(True)
        raise TimeoutError

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, patience)
    try:
        result = run(scenario, site)
    except InvvizError as err:
        return f"REFUSED {err}"
    except Exception as err:
        if out:  # PyTorch may have wrapped it
            return f"LATE after {patience} s of processor time"
        return f"BROKEN {type(err).__name__}: {str(err)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "ran" if np.isfinite(result.scores["mse"]).all() else "NOT FINITE"


def main():
    import tempfile

    from invviz.engine.client import Site

    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    seed, count = (int(a) for a in [*sys.argv[1:], "0", "160"][:2])
    with tempfile.TemporaryDirectory() as folder:
        site = Site(None, Path(folder), "cpu")
        for scenario in drawn(seed, count):
            start, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            became = tried(scenario, site)
            more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1e6
            print(f"{time.process_time() - start:6.1f} s +{more:4.1f} GB  {became}  {scenario.text()}", flush=True)


if __name__ == "__main__":
    main()
