"""Computing the shipped table of sums over clients."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from ...core.tree import rms
from ...engine.client import meet_client
from ...engine.sums import jacobian_of
from ...risk import Prior, by_clients
from ...scenario import Scenario
from . import COMMAND, FOLDER, LEVELS, NOISES, TEXT, Prepared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ...engine.client import Site

CLIENTS = (1, 2, 4, 8, 16, 24, 32, 38, 48, 64)
COLLUDING = (0, 8, 16, 32)


def make(site: Site, progress: Callable[[int, int], bool] | None = None, folder: Path = FOLDER, text: str = TEXT) -> None:
    """Write `ideal.npz` and `facts.json`.

    Args:
        site: where.
        progress: called with (done, total) noise levels.
        folder: that they are written to.
        text: the scenario; its aggregation says up to how many clients.
    """
    s = Scenario.parse(text)
    client = meet_client(s, site)
    jacobian = jacobian_of(s, client)
    size = float(rms(jacobian.parts[0].message))
    slopes = np.stack([part.dense().double().numpy() for part in jacobian.parts])
    truths = np.stack([part.point.double().numpy() for part in jacobian.parts])
    found = by_clients(slopes, truths, Prior(s.prior, s.shape, s.batch), LEVELS * size, s.seed, progress)
    pictures = found.pictures.reshape(*found.invre.shape, *s.shape)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / "ideal.npz",
        noises=LEVELS,
        invre=found.invre,
        pictures=np.rint(255 * pictures.clip(0, 1)).astype(np.uint8),
        truth=client.batch.private[0].numpy(),
    )
    labels = [int(one.batch.label[0]) for one in (client, *client.others)]
    facts = {"command": COMMAND, "scenario": s.text(), "equations": found.equations, "unknowns": found.unknowns, "labels": labels}
    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


def table(found: Prepared) -> str:
    """InvRE by clients, noise and colluders, in Markdown."""
    lines = [
        f"`{found.scenario.text()}`: {found.equations:,} numbers in the sum, {found.unknowns} in a client's batch, K* = {found.full:.1f}. Made by `{COMMAND}`.",
        "",
        "| noise on the sum | colluding | " + " | ".join(f"{k} clients" for k in CLIENTS) + " |",
        "|---|---|" + "---|" * len(CLIENTS),
    ]
    for noise in NOISES:
        for colluding in COLLUDING:
            cells = [f"{found.at(k, colluding, noise)[0]:.3f}" if k > colluding else "" for k in CLIENTS]
            lines.append(f"| {noise:g} | {colluding} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
