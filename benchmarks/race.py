"""Seconds until 30 dB on the sigmoid LeNet (photographs 32x32, one picture): `python benchmarks/race.py [--seeds 10]`.

The other side is deep leakage as it is usually written: L-BFGS with a strong Wolfe line search and a history of 100 on plain pixels, started again when it is
stuck, from normal noise as in the paper and from near grey (which is our own start); its restarts count. CPU time, one thread, both sides of a seed one after the other. The clock stops when the present guess first is above 30 dB (the attackers do not see that).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

from invviz.core.rng import stream
from invviz.engine.client import Site, meet_client
from invviz.engine.observe import observe
from invviz.metrics import PSNR
from invviz.scenario import Scenario

GOAL = 30.0
ATTACKS = ("dlg", "peeling", "gauss_newton")
STARTS = ("normal", "grey")


class Reached(Exception):
    """The goal."""


def psnr(picture: torch.Tensor, truth: torch.Tensor) -> float:
    return float(PSNR().score(picture.detach().clamp(0, 1).float().numpy(), truth.numpy()).mean())


def ours(scenario: Scenario, site: Site) -> tuple[float, float]:
    """CPU seconds to the goal and to the end (infinite where the goal was not reached), and the answer's PSNR."""
    client = meet_client(scenario, site)
    obs, truth = observe(scenario, client), client.batch.image
    begin, at = time.process_time(), [float("inf")]

    def progress(step) -> bool:
        if at[0] == float("inf") and psnr(step.guess, truth) >= GOAL:
            at[0] = time.process_time() - begin
        return True

    found = scenario.attack.reconstruct(obs, stream(scenario.seed, "attack"), progress)
    final = psnr(found.batch.image, truth)
    return (min(at[0], time.process_time() - begin) if final >= GOAL else at[0]), final


def plain(scenario: Scenario, site: Site, limit: float, start: str) -> tuple[float, int]:
    """The usual loop: CPU seconds to the goal through all restarts, and how many starts it took."""
    client = meet_client(scenario, site)
    obs, truth, module = observe(scenario, client), client.batch.image, client.net.module.requires_grad_(True)
    target, label, rng = list(obs.message.values()), obs.template.label, torch.Generator().manual_seed(scenario.seed)
    begin, starts = time.process_time(), 0
    try:
        while time.process_time() - begin < limit:
            starts += 1
            image = torch.randn(truth.shape, generator=rng)
            image = (image if start == "normal" else 0.5 + 0.01 * image).requires_grad_()
            optimiser = torch.optim.LBFGS([image], lr=1, max_iter=20, history_size=100, line_search_fn="strong_wolfe")
            last = float("inf")

            def closure(image=image, optimiser=optimiser) -> torch.Tensor:
                optimiser.zero_grad()
                loss = torch.nn.functional.cross_entropy(module(image), label)
                gradient = torch.autograd.grad(loss, list(module.parameters()), create_graph=True)
                distance = sum(((g - m) ** 2).sum() for g, m in zip(gradient, target, strict=True))
                (image.grad,) = torch.autograd.grad(distance, image)
                if psnr(image, truth) >= GOAL:
                    raise Reached
                return distance.detach()

            for _ in range(100):
                now = float(optimiser.step(closure))
                if time.process_time() - begin > limit or not now < float("inf"):
                    break
                if now > 0.99 * last:  # stuck: the next start
                    break
                last = now
    except Reached:
        return time.process_time() - begin, starts
    finally:
        module.requires_grad_(False)
    return float("inf"), starts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--limit", type=float, default=180.0, help="CPU seconds after which the plain loop is stopped")
    parser.add_argument("--attacks", nargs="*", default=ATTACKS, choices=ATTACKS)
    parser.add_argument("--starts", nargs="*", default=STARTS, choices=STARTS, help="of the plain loop")
    given = parser.parse_args()
    torch.set_num_threads(1)
    heads = [*(f"plain loop from {start}: seconds (starts)" for start in given.starts), *(f"{a}: seconds, answer" for a in given.attacks)]
    print(f"| seed | {' | '.join(heads)} |")
    print("|---" * (len(heads) + 1) + "|")
    times: dict[str, list[float]] = {name: [] for name in (*given.starts, *given.attacks)}
    with tempfile.TemporaryDirectory() as cache:
        site = Site(None, Path(cache), "cpu")
        for seed in range(given.seeds):
            base, cells = Scenario.parse(f"data=photos(index={seed})&model=lenet&attack=dlg&seed={seed}"), []
            for start in given.starts:
                took, starts = plain(base, site, given.limit, start)
                times[start].append(took)
                cells.append(f"{took:.1f} ({starts})")
            for name in given.attacks:
                took, final = ours(Scenario.parse(base.text().replace("attack=dlg", f"attack={name}")), site)
                times[name].append(took)
                cells.append(f"{took:.2f}, {final:.0f} dB")
            print(f"| {seed} | {' | '.join(cells)} |", flush=True)
    for name, found in times.items():
        print(f"{name}: {sum(t < float('inf') for t in found)} of {given.seeds} seeds, median {statistics.median(found):.2f} s")
