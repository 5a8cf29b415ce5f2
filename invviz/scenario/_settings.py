"""What a scenario is made of: the tables of its parts, and the settings that stand beside them."""

from __future__ import annotations

from typing import Any

from ..attacks import ATTACKS
from ..core.component import Knob
from ..core.modality import PRIORS
from ..datasets import DATASETS
from ..defenses import DEFENSES
from ..models import MODELS
from ..protocols import PROTOCOLS
from ..protocols.training import TRAININGS
from ..servers import AGGREGATIONS, SERVERS

PARTS: dict[str, dict[str, type[Any]]] = {
    "data": DATASETS,
    "model": MODELS,
    "protocol": PROTOCOLS,
    "defense": DEFENSES,
    "attack": ATTACKS,
    "train": TRAININGS,
    "server": SERVERS,
    "aggregation": AGGREGATIONS,
}
KINDS = {
    "data": "dataset",
    "model": "model",
    "protocol": "protocol",
    "defense": "defense",
    "attack": "attack",
    "train": "training",
    "server": "server",
    "aggregation": "aggregation",
}
LATE_PARTS = ("server", "aggregation")
"""Parts that came when results were stored already: at their default, which is what was computed before, they stand in no text and in no key (as late knobs)."""
SETTINGS = {
    knob.name: knob
    for knob in (
        Knob(
            "attacker",
            "unaware",
            "what the attacker knows of the defense: nothing (unaware), or the defense and its parameters, not its random draw (aware)",
            choices=("unaware", "aware"),
        ),
        Knob("batch", 1, "samples in the client's batch", low=1, high=64, unit="samples"),
        Knob("seed", 7, "seed of weights, noise and attack, each with its own stream", low=0, high=2**31 - 1),
        Knob("dtype", "float32", "precision of the whole computation", choices=("float32", "float64")),
        Knob(
            "floor",
            0.01,
            "noise that any real system adds, relative to the message's root mean square; used by the risk score only",
            low=0.0,
            high=100.0,
        ),
        Knob(
            "prior",
            "white",
            "what the attacker expects of pictures: nothing (white), smoothness (natural), or what public pictures of the data set "
            "look like (dataset); used by the risk score only",
            choices=PRIORS,
        ),
        Knob(
            "method",
            "auto",
            "how the spectrum is computed: exact; sketch (some hundred Jacobian products, with an error bar); auto, which takes exact up to about a "
            "minute of work; quick, which takes exact only where that is no more work than a sketch; used by the risk score only",
            choices=("auto", "exact", "sketch", "quick"),
        ),
        Knob(
            "rounds",
            1,
            "rounds in which the client sends the same batch while the net moves on (by the protocol's lr, on public pictures; a net that makes embeddings "
            "stays); the risk and attacks take the messages of all of them together",
            low=1,
            high=20,
            unit="rounds",
        ),
        Knob("layer", "", "the part of the message that is read, by the name of a layer (empty: all of it); used by the risk score only"),
        Knob("upload", "", "digest of an uploaded picture, sentence or row that takes the place of the first victim"),
    )
}
MAX_EXACT_INPUTS = 8_192  # an exact spectrum of more inputs is refused: n x n matrices of gigabytes, eigenvectors of hours
RISK_ONLY = ("floor", "prior", "method", "layer")
"""Settings that the risk score alone reads."""
