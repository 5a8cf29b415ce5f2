"""Computing the study: for every defense, strength and seed one training, and two attacks and the ideal attacker on every picture."""

from __future__ import annotations

import functools
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from ...core.lazy import torch
from ...core.plain import from_json, to_json
from ...core.record import origin, write_whole
from ...core.types import Size
from ...core.version import __version__
from ...engine.assess import assess
from ...engine.client import Site, meet_client
from ...engine.observe import observe
from ...engine.reconstruct import reconstruct
from ...engine.summary import risk_summary
from ...metrics import PSNR
from ...scenario import RESULTS_VERSION, Scenario
from ..statistics import RESAMPLES
from . import COMMAND, FOLDER, EqualCostStudy
from ._grid import ATTACK, CLIENTS, DROPS, ENERGIES, EVERY, LAST, LR, MODEL, PICTURES, ROUNDS, SEEDS, STRENGTHS, defense, scenario
from ._sums import EACH, compare, per_strength
from ._train import learn

MOST = 200.0  # dB; stands for "no error at all"
WORKERS = 2
Task = tuple[str, str, float, int]
"""What to do ("learn" or "attack"), name of the defense ("" for none), strength, seed."""


def make(folder: Path = FOLDER, site: Site | None = None, workers: int = WORKERS) -> EqualCostStudy:
    """Compute the study and write it to `<folder>/study.json`.

    After every task what is known is kept in `study.part.json`; a run that was stopped goes on from there.

    Args:
        folder: made if it is not there.
        site: folders and device; by default those of the environment, on the CPU, where nets as small as this one are quickest.
        workers: processes.
    """
    site = site or Site(Site.from_env().data_dir, Site.from_env().cache_dir, "cpu")
    folder.mkdir(parents=True, exist_ok=True)
    part, listed = folder / "study.part.json", tasks()
    stamp = to_json([RESULTS_VERSION, MODEL, ATTACK, PICTURES, ROUNDS, CLIENTS, LR, LAST, EVERY])
    kept = from_json(part.read_text()) if part.is_file() else {}
    kept = kept if kept.get("stamp") == stamp else {"stamp": stamp, "seconds": 0.0, "done": {}}
    spent, start = kept["seconds"], time.monotonic()
    waiting = [t for t in listed if str(t) not in kept["done"]]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(_one, task, site): task for task in waiting}
        for future in as_completed(running):
            kept["done"][str(running[future])] = future.result()
            kept["seconds"] = spent + time.monotonic() - start
            write_whole(part, to_json(kept))
            sys.stderr.write(f"{len(kept['done'])} of {len(listed)} tasks, {kept['seconds']:.0f} s: {running[future]}\n")
    study = _study(kept["done"], kept["seconds"])
    write_whole(folder / "study.json", study.to_json())
    part.unlink(missing_ok=True)
    return study


def tasks() -> list[Task]:
    """All tasks; trainings first, because they take longest."""
    arms = [("", 0.0), *((name, strength) for name, strengths in STRENGTHS.items() for strength in strengths)]
    return [(what, name, strength, seed) for what in ("learn", "attack") for seed in SEEDS for name, strength in arms]


def _one(task: Task, site: Site) -> Any:
    what, name, strength, seed = task
    torch.set_num_threads(1)
    defenses = (defense(name, strength),) if name else ()
    if what == "learn":
        return learn(scenario(defenses, 0, seed), site, ROUNDS, CLIENTS, LR, LAST, EVERY)
    found = [attacked(defenses, picture, seed, site) for picture in PICTURES]
    return {k: [one[k] for one in found] for k in EACH}


def attacked(defenses: tuple[Any, ...], picture: int, seed: int, site: Site) -> dict[str, float]:
    """What both real attackers got of one picture, the ideal attacker's PSNR, and the noise's energy."""
    asked = scenario(defenses, picture, seed)
    unaware = _psnr(asked, site)
    told = asked.replace(attacker="aware", defense=tuple(_absolute(d, asked, site) for d in defenses))
    aware = _psnr(told, site) if defenses else unaware
    assessment = assess(asked.replace(method="quick"), site)  # exact for so few inputs, without measuring curvature
    summary, size = risk_summary(asked, assessment.decomposition, assessment.size), assessment.size
    energy = assessment.energy or summary["noise_variance"] * size.count / size.norm**2
    return {"unaware": unaware, "aware": aware, "ceiling": summary["psnr_ceiling"], "energy": energy}


def _absolute(defense: Any, asked: Scenario, site: Site) -> Any:
    """Isotropic noise in the message's own units: the same noise, of which the attacker is told how much it is, and need not estimate it."""
    if not getattr(defense, "relative", False):
        return defense
    client = meet_client(asked.replace(defense=()), site)
    size = Size.of(client.release(client.net, client.batch, None))
    return defense.replace(sigma=defense.sigma * size.rms, relative=False)


def _psnr(asked: Scenario, site: Site) -> float:
    """What `run` would score, without timing the release, which takes as long as the attack."""
    client = meet_client(asked, site)
    found, _ = reconstruct(asked, observe(asked, client), lambda step: True)
    guess = found.batch.image.nan_to_num(nan=0.5).clamp(0, 1)
    return min(MOST, float(PSNR().score(guess.numpy(), client.batch.image.numpy()).mean()))


def _study(done: dict[str, Any], seconds: float) -> EqualCostStudy:
    gather = functools.partial(_arm, done)
    bare, arms = gather("", (0.0,)), {name: gather(name, strengths) for name, strengths in STRENGTHS.items()}
    points = [
        {"kind": kind, "target": target, "arms": compare(arms, bare, kind, target)}
        for kind, targets in (("accuracy", DROPS), ("energy", ENERGIES))
        for target in targets
    ]
    facts = {**origin(f"{WORKERS} processes", seconds), "invviz": __version__}
    training = {"rounds": ROUNDS, "clients": CLIENTS, "lr": LR, "evaluations": LAST, "every": EVERY}
    text = scenario((), PICTURES[0], SEEDS[0]).text()
    return EqualCostStudy(COMMAND, text, PICTURES, SEEDS, training, RESAMPLES, facts, bare, arms, tuple(points))


def _arm(done: dict[str, Any], name: str, strengths: tuple[float, ...]) -> dict[str, Any]:
    """All that is known of one defense, rounded as it is kept, so that the summaries follow from the file."""
    cells = {s: [done[str(("attack", name, s, seed))] for seed in SEEDS] for s in strengths}
    found: dict[str, Any] = {"strengths": list(strengths)}
    found["accuracy"] = [[round(done[str(("learn", name, s, seed))], 4) for seed in SEEDS] for s in strengths]
    found |= {k: [[[float(f"{v:.4g}") for v in cell[k]] for cell in cells[s]] for s in strengths] for k in EACH}
    return found | {"curve": per_strength(found)}
