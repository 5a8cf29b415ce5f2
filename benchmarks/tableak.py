"""TabLeak on a table: cells right by batch size, against a plain search, with what its certainty is worth and what InvRE foretells; `python benchmarks/tableak.py [DATA] [VICTIMS] [NOISES] [BATCHES]`, lists with commas."""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from invviz.core.table import right
from invviz.engine.assess import assess
from invviz.engine.attack import run
from invviz.engine.bits import count
from invviz.engine.client import Site
from invviz.engine.summary import risk_summary
from invviz.scenario import Scenario

ATTACKS = {"tableak": "tableak", "without exchanges": "tableak(exchanges=0)", "plain search": "inverting_gradients(tv=0.0)"}
SPECTRA = (1, 4)  # of larger batches no spectrum is taken: it costs the cube of their entries


def interval(values: list[float]) -> str:
    """Mean and its 95 % interval by resampling victims, in percent."""
    drawn = np.random.default_rng(0).choice(values, (4_000, len(values))).mean(1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return f"{100 * np.mean(values):.0f} ({100 * low:.0f} to {100 * high:.0f})"


def main(data: str = "adult", victims: str = "6", noises: str = "0,1,10", batches: str = "1,4,16") -> None:
    """One line a batch size and noise."""
    torch.set_num_threads(1)
    site = Site.from_env()
    print(
        "| noise | batch | "
        + " | ".join(f"{name}: cells right, %" for name in ATTACKS)
        + " | mean row, % | certain cells: how many, right | others right | InvRE | bits of words |"
    )
    for noise in map(float, noises.split(",")):
        for batch in map(int, batches.split(",")):
            got: dict[str, list[float]] = {name: [] for name in ATTACKS}
            blind, invre, bits, took = [], [], [], time.time()
            sure: list[bool] = []
            unsure: list[bool] = []
            for victim in range(int(victims)):
                told = "&attacker=aware" if noise else ""
                start = (
                    f"data={data}(index={100 * victim})&model=mlp&batch={batch}&seed={victim}&defense=gaussian_noise(sigma={noise}){told}"
                )
                for name, attack in ATTACKS.items():
                    found = run(Scenario.parse(f"{start}&attack={attack}"), site)
                    hits = right(found.scenario.columns, found.truth, found.guess)
                    got[name].append(float(hits.mean()))
                    if name == "tableak" and found.certainty is not None:
                        sure += hits[found.certainty == 1].tolist()
                        unsure += hits[found.certainty < 1].tolist()
                s = found.scenario
                public = s.data.load(site.data_dir).public
                mean = public.take(range(min(len(public), 5_000)))[0].mean(0)
                blind.append(float(right(s.columns, found.truth, np.repeat(mean[None], batch, 0)).mean()))
                if batch in SPECTRA:
                    seen = assess(s, site)
                    invre.append(risk_summary(s, seen.decomposition, seen.size, seen.stages)["invre"])
                    bits.append(count(s, site).summary()["invre"])
            cells = [interval(one) for one in got.values()]
            certain = f"{len(sure)} of {len(sure) + len(unsure)}, {100 * np.mean(sure) if sure else np.nan:.0f}"
            others = f"{100 * np.mean(unsure):.0f}" if unsure else "-"
            row = [
                f"{noise:g}",
                str(batch),
                *cells,
                f"{100 * np.mean(blind):.0f}",
                certain,
                others,
                f"{np.mean(invre):.2f}" if invre else "-",
                f"{100 * np.mean(bits):.0f} %" if bits else "-",
            ]
            print(f"| {' | '.join(row)} |", f"<!-- {time.time() - took:.0f} s -->", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
