"""What noise along singular directions costs beside finding them, and how soon they are stale: python benchmarks/invl_gnp.py."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from _timing import timed

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

AGES = (1, 2, 5, 10, 20)  # training steps since the directions were found
RATES = (0.01, 0.1, 1.0)  # learning rates of those steps


def meet(text: str) -> Any:
    """Scenario and client."""
    from invviz.engine.client import Site, meet_client
    from invviz.scenario import Scenario

    scenario = Scenario.parse(text)
    return scenario, meet_client(scenario, Site.from_env())


def cost(repeats: int) -> None:
    """One release of LeNet at 32x32x3 with its noise, against the directions alone."""
    from invviz.core.rng import stream
    from invviz.defenses import InvLGNP
    from invviz.risk import Directions, Jacobian

    _, client = meet("data=photos&model=lenet")
    find = lambda: Directions.of(Jacobian.of(client.bare, client.net, client.batch))  # noqa: E731
    release, reused = (InvLGNP(reuse=n).wrap(client.bare, client.world) for n in (1, 1000))
    send = lambda way: way(client.net, client.batch, stream(0, "noise"))  # noqa: E731
    plain, _ = timed(lambda: client.bare(client.net, client.batch, None), 5)
    seconds = [min(pair) for pair in zip(*[(timed(find)[0], timed(lambda: send(release))[0]) for _ in range(repeats)], strict=True)]
    send(reused)
    again, _ = timed(lambda: send(reused), 5)
    p, n = Jacobian.of(client.bare, client.net, client.batch).shape
    print(f"LeNet at 32x32x3, p = {p:,}, n = {n:,}; least of {repeats}")
    print(
        f"gradient {plain:.3f} s; directions {seconds[0]:.2f} s; release: with fresh ones {seconds[1]:.2f} s, with old ones {again:.3f} s"
    )
    print(
        f"release / directions = {seconds[1] / seconds[0]:.3f} (wanted: at most 1.05); all but the directions: {again / seconds[0]:.2%}\n"
    )


def staleness(rate: float) -> None:
    """InvRE and the place of the noise when directions are used for a net that has moved on, or for another picture."""
    import numpy as np

    from invviz.core.types import Batch, Size
    from invviz.defenses import InvLGNP
    from invviz.engine.assess import moves
    from invviz.risk import Directions, Jacobian, moved
    from invviz.risk.prior import TAU

    scenario, client = meet(f"data=digits&model=lenet&dtype=float64&protocol=hfl(lr={rate})")
    scenario = scenario.replace(rounds=max(AGES) + 1)
    shifts, defense = moves(scenario, client), InvLGNP()
    here = Directions.of(Jacobian.of(client.bare, client.net, client.batch))
    for age in (*AGES, "another picture") if rate == RATES[0] else AGES:
        if isinstance(age, int):
            net, batch, old = moved(client.net, shifts[age]), client.batch, here
        else:
            net, batch = client.net, client.batch
            old = Directions.of(Jacobian.of(client.bare, net, Batch.of(1 - batch.image.flip(-1), batch.label)))
        jacobian = Jacobian.of(client.bare, net, batch)
        fresh, dense = Directions.of(jacobian), jacobian.dense().numpy()
        _, r = np.linalg.qr(dense)  # all that matters happens in the range of J
        left = r @ fresh.right.numpy() / np.maximum(fresh.values.numpy(), 1e-300)
        left = left[:, fresh.band(defense.low, defense.high)]
        rms = Size.of(jacobian.message).rms
        scores, share = [], 0.0
        for directions in (fresh, old):
            band = directions.band(defense.low, defense.high)
            amounts = r @ (directions.right.numpy()[:, band] / directions.values.numpy()[band]) * defense.scale * rms
            sigma = amounts @ amounts.T
            total = sigma + (scenario.floor * rms) ** 2 * np.eye(len(sigma))
            precision = np.eye(r.shape[1]) / TAU**2 + r.T @ np.linalg.solve(total, r)
            scores.append(1 - np.trace(np.linalg.inv(precision)) / TAU**2 / r.shape[1])
            share = float(np.trace(left.T @ sigma @ left) / np.trace(sigma))
        energy = float(np.trace(sigma)) / (left.shape[1] * (defense.scale * rms) ** 2)
        print(f"{rate:>6g}{age:>17}{scores[0]:>12.4f}{scores[1]:>12.4f}{scores[1] / scores[0]:>9.3f}{share:>10.1%}{energy:>10.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=0, help="PyTorch threads; 0 leaves its choice")
    parser.add_argument("--repeats", type=int, default=2, help="the least time of so many counts")
    args = parser.parse_args()
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    cost(args.repeats)
    print(
        "LeNet at 8x8 (digits), the same picture; InvRE of invl_gnp, prior white, noise = what of it lies in the fresh band, and its energy"
    )
    print(f"{'lr':>6}{'age in steps':>17}{'fresh':>12}{'stale':>12}{'ratio':>9}{'in band':>10}{'energy':>10}")
    for rate in RATES:
        staleness(rate)


if __name__ == "__main__":
    main()
