"""Every claim that command line and JSON make of a bound, over scenarios drawn at random: it stands with its condition, and an attack that ends above it with its reason.

    PYTHONPATH=. python tests/contracts/walk_bounds.py [SEED] [COUNT]

prints one line for each: what the attack got, the expected best, whether that is a bound, and what is wrong, if anything.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
from drawn import FURTHER, drawn

HERE = Path(__file__).parent
LITTLE = 1.0  # dB
STEPS = 60
PATIENCE = 30  # seconds of processor time, of one scenario
CONDITION = re.compile(r"averaged? over|on average|the prior|no lower bound is known")
BOUNDED = re.compile(r"not a bound: \w|a bound: no attacker has a smaller squared error, averaged over what the prior draws")
NORMAL = {"gaussian_noise", "dp_sgd", "local_dp", "optimal_noise", "outpost"}
QUIET = {  # add no noise of their own
    "clipping", "pruning", "random_pruning", "selective_encryption", "sign", "gradient_dropping", "optimal_pruning", "soteria", "dropout", "precode", "ats",
    "learnable_perturbation", "embedding_dropout", "nopeek", "ressfl", "aggp",
}  # fmt: skip


def chosen(seed, count):
    """Drawn scenarios on small data, with attacks of steps enough to get somewhere, who know the defense."""
    for one in drawn(seed, count, data=("digits", "breast_cancer", "wine", *FURTHER), width=8):
        steps = {"steps": STEPS} if any(k.name == "steps" and isinstance(k.default, int) for k in one.attack.knobs()) else {}
        yield one.replace(attack=one.attack.replace(**steps), attacker="aware" if one.defense else "unaware")


def said_wrongly(text):
    """Claims in words that lack their condition, line by line, or paragraph by paragraph of a page."""
    wrong = []
    for line in re.split(r"\n|(?<=[a-z0-9])\. (?=[A-Z])", re.sub(r"^data=.*$", "", text, flags=re.MULTILINE)):  # not the scenario itself
        low = line.lower()
        if "ceiling" in low:
            wrong.append(f"ceiling: {line}")
        if re.search(r"(any|no|every) attacker", low) and not CONDITION.search(low) and "no lower bound for every attacker: " not in low:
            wrong.append(f"every attacker without its condition: {line}")
        if "at least" in low and not re.search(
            r"at least [\d,]+ of [\d,]+ (directions|labels)|at least (one|twice|half|as|a )|leaves at least|at least \d", low
        ):
            wrong.append(f"at least: {line}")
        if re.search(r"expected best\W+\d", low) and not BOUNDED.search(line):
            wrong.append(f"expected best without its word: {line}")
        if "invloss on the straight line" in low and "exact" in low and "exact for pictures of the prior and normal noise" not in low:
            wrong.append(f"exact without its condition: {line}")
        if re.search(r"\bhidden\b", low) and not (BOUNDED.search(line) or "without a message" in low):
            wrong.append(f"hidden without its condition: {line}")
    return wrong


def figures_wrongly(scenario, risk):
    """Fields of `risk` that do not go together, by a list of laws that is written here and nowhere else."""
    wrong, names = [], [d.name for d in scenario.defense if not d.off]
    odd = [name for name in names if name not in NORMAL | QUIET]
    if risk["bound"] is bool(risk["bound_reasons"]):
        wrong.append("bound and its reasons contradict each other")
    if risk["bound"] and (odd or scenario.protocol.name != "vfl" or scenario.protocol.activated or risk["method"] != "exact"):
        wrong.append("called a bound where noise is not normal, or the release not straight")
    if risk["bound"] and risk["trust"] and max(risk["trust"]["random"]) > 1e-2:
        wrong.append("called a bound where curvature is measured")
    first = next((name for name in names if name not in QUIET), None)
    if risk["invloss_lower"] is not None and first not in ("gaussian_noise", "dp_sgd", "local_dp", "laplace_noise"):
        wrong.append(f"a lower bound for every attacker behind {first}")
    if (risk["invloss_lower"] is None) is not bool(risk["invloss_lower_reason"]):
        wrong.append("no lower bound, and no reason")
    if risk["invloss_is"].startswith("exact") and odd:
        wrong.append("T1 called exact behind noise that is not normal")
    if (risk["singular_values_of"] == "J") is (scenario.coloured is not None):
        wrong.append("whose singular values?")
    return wrong


def walked(scenario, folder, patience=PATIENCE):
    """What is wrong with all that `run` says of it, with and without --json, and PSNR, expected best, bound; None where it does not compute in time."""
    from invviz.cli import compute, main

    kept = {}

    def once(name, real):
        def call(*args):
            if name not in kept:
                kept[name] = real(*args)
            return kept[name]

        return call

    def late(*_):
        raise TimeoutError

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, patience)
    outs = []
    try:
        with mock.patch.object(compute, "run", once("run", compute.run)), mock.patch.object(compute, "_risk", once("risk", compute._risk)):
            for more in (["--json"], []):
                out = io.StringIO()
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
                    code = main(["run", scenario.text(), "--set", f"store={folder}", *more])
                if code:
                    return None
                outs.append(out.getvalue())
    except TimeoutError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    facts, words = json.loads(outs[0]), outs[1]
    risk = facts["risk"]
    if risk is None:
        return said_wrongly(words), None
    wrong = said_wrongly(words) + figures_wrongly(scenario, risk)
    scores = [float(v) for v in facts["scores"]["psnr"] if v is not None]
    reached = float(np.mean(scores)) if scores else float("nan")
    if reached > risk["psnr_ceiling"] + LITTLE and risk["psnr_ceiling"] < 60:
        if "that attacker" not in facts["above_expected"] or "that attacker" not in words:
            wrong.append(f"{reached:.1f} dB above the expected best of {risk['psnr_ceiling']:.1f} dB without a reason")
    elif facts["above_expected"]:
        wrong.append("a reason for what did not happen")
    return wrong, (reached, risk["psnr_ceiling"], risk["bound"], risk["bound_reasons"], risk["invloss_lower"])


def main():
    import warnings

    from invviz.scenario import problems

    warnings.simplefilter("ignore")
    seed, count = (int(a) for a in [*sys.argv[1:], "5", "200"][:2])
    with tempfile.TemporaryDirectory() as folder:
        for scenario in chosen(seed, count):
            start = time.process_time()
            found = None if problems(scenario) else walked(scenario, folder, PATIENCE)
            print(f"{found}  {time.process_time() - start:.0f} s  {scenario.text()}", flush=True)


if __name__ == "__main__":
    main()
