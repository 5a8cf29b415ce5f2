"""The example's audit, made before and kept beside the app, so that a first visitor sees one without waiting: `python -m invviz.ui.audit.example` makes it again."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

import numpy as np

from ...core.command import command
from ...core.paths import ROOT
from ...core.plain import from_json, to_json
from ...core.record import write_whole
from ...core.shipped import reading
from ...datasets import DATASETS
from ...report.audit import uploaded
from ...scenario import RESULTS_VERSION

FILE = ROOT / "assets" / "audit_example.json"
MADE_BY = command(module="invviz.ui.audit.example")
LAYERS: tuple[dict[str, Any], ...] = (
    {"layer": "conv2d", "out_channels": 6, "kernel_size": 3, "padding": 1},
    {"layer": "sigmoid"},
    {"layer": "flatten"},
    {"layer": "linear", "out_features": 10},
)
NET = {"input": [1, 8, 8], "layers": list(LAYERS)}
RECORDS, SENTENCES = 4, 2
SETTINGS = {
    "defense": "",
    "seconds": 200.0,
    "within": 400.0,
    "seed": 7,
}  # more time than the page gives, so that a busy machine makes the same
WEIGHTS = 7  # seed of the weights

Kept = tuple[dict[str, Any], dict[str, np.ndarray]]


def records() -> tuple[np.ndarray, np.ndarray]:
    """Four digits and their labels."""
    return DATASETS["digits"]().load(None).victims.take(range(RECORDS))


def sentences() -> str:
    """Two notes about invented patients, one a line."""
    notes = DATASETS["notes"]()
    assert notes.vocabulary is not None
    return "\n".join(notes.vocabulary.sentence(row) for row in notes.load(None).victims.take(range(SENTENCES))[0])


@lru_cache(maxsize=1)
def load() -> Kept | None:
    """The audit as JSON and its arrays; None where it was not made, is damaged or is of other results."""
    with reading(FILE, MADE_BY):
        kept = from_json(FILE.read_text(encoding="utf-8"))
        if kept["results_version"] == RESULTS_VERSION:
            return kept["found"], {name: np.asarray(value, np.float32) for name, value in kept["arrays"].items()}
    return None


def make() -> None:
    """Write it, some seconds."""
    pictures, labels = records()
    header = {"net": {"layers": to_json(NET)}, "settings": {**SETTINGS, "first": 0}, "weights_seed": WEIGHTS}
    found, arrays = uploaded(header, {"inputs": pictures, "targets": labels}, lambda _: True)
    short = {name: np.round(value, 4).tolist() for name, value in arrays.items()}
    write_whole(FILE, to_json({"results_version": RESULTS_VERSION, "command": MADE_BY, "found": found, "arrays": short}) + "\n")


if __name__ == "__main__":
    make()
    sys.stderr.write(f"{FILE} was written\n")
