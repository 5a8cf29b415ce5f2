"""Computing what the Guide's first stop shows: the messages of two pictures, drawn as grey dots."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from ...core.command import command
from ...core.lazy import torch
from ...core.plain import to_json
from ...core.record import write_whole
from ...core.tree import flatten
from ...engine.client import Site, meet_client
from ...scenario import RESULTS_VERSION
from .messages import NAME, SENT, keys, load, scenarios, sheet


def make(folder: Path, missing: bool = False) -> None:
    """Write facts.json and arrays.npz, a few seconds; with `missing` only where there are none of today's."""
    if missing and load() is not None:
        return
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as cache:
        site = Site(None, Path(cache), "cpu")
        clients = [meet_client(scenario, site) for scenario in scenarios()]
        messages = np.stack([flatten(c.bare(c.net, c.batch, None)).detach().cpu().numpy() for c in clients])
        pictures = np.stack([c.batch.image.cpu().numpy() for c in clients])
    sent = messages[SENT]
    facts = {
        "results_version": RESULTS_VERSION,
        "command": command(NAME, module="invviz.gallery"),
        "keys": keys(),
        "scenarios": [s.only("risk").text(full=True) for s in scenarios()],
        "count": int(sent.size),
        "missed": [float(np.linalg.norm(message - sent) / np.linalg.norm(sent)) for message in messages],
    }
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "arrays.npz", message=sheet(sent), pictures=pictures.astype(np.float32))
    write_whole(folder / "facts.json", to_json(facts, digits=5) + "\n")
