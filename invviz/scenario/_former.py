"""Keys as they were until each kind had its own version: what old stores and files of weights are found by, so that nothing in them is lost.

Nothing here follows later changes: what played no part in a result stood in its key all the same, at the defaults of then.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from ._moved import MOVED, behind_mask
from ._scenario import escaped, written
from ._settings import SETTINGS
from .kinds import WORK

if TYPE_CHECKING:
    from ._scenario import Scenario

VERSION = 2  # of all kinds together
UNUSED = {
    "protocol": "hfl(local_steps=1,lr=0.01)",
    "attack": "dlg(steps=1000,restarts=3,space='frequencies',tolerance=1e-08,labels='known')",
    "attacker": "unaware",
    "batch": "1",
    "dtype": "float32",
    "floor": "0.01",
    "prior": "white",
    "method": "auto",
    "rounds": "1",
}
TRAIN = "federated(clients={clients},sampled=0,split={split!r},alpha={alpha},rounds=300,optimiser='adam',lr=0.003,momentum=0.0,schedule='cosine',every=0,patience=0,samples={samples})"  # fmt: skip
DEFAULT_TRAIN = ("train", TRAIN.format(clients=10, split="iid", alpha=0.5, samples=0))
ORDER = ("data", "model", "protocol", "defense", "attack", "train", "attacker", "batch", "seed", "dtype", "floor", "prior", "method", "rounds", "layer", "upload")  # fmt: skip


def former_key(kind: str, scenario: Scenario) -> str:
    """The key that a result of today's kinds of work would have had; results of still older versions had others.

    Args:
        kind: "run", "risk", "sketch", "train", "clients", "labels" or "weights"; later kinds had none.
        scenario: what was computed.
    """
    depends = WORK[kind].depends(scenario)
    only = depends.scenario
    pairs = []
    for name in ORDER:
        if name == "defense":
            pairs += [("defense", d.text(full=True)) for d in only.defense.keyed()]
        elif name == "train":
            pairs += [("train", _train(kind, only.train))] if kind in ("train", "clients") else []
        elif name == "attack" and MOVED.get(only.server.name) == only.attack.name:
            pairs.append((name, only.server.text(full=True)))
        elif name in depends.without:
            pairs.append((name, UNUSED.get(name, "")))
        else:
            value = getattr(only, name)
            pairs.append((name, written(name, value) if name in SETTINGS else value.text(full=True)))
    if DEFAULT_TRAIN in pairs:  # the default one was an afterthought
        pairs.remove(DEFAULT_TRAIN)
        pairs.append(DEFAULT_TRAIN)
    form = "&".join(f"{name}={escaped(name, value)}" for name, value in pairs if value) + _moved(kind, scenario, only)
    return hashlib.sha256(f"{kind}/{VERSION}/{form}".encode()).hexdigest()[:20]


def _train(kind: str, train: Any) -> str:
    return train.text(full=True) if kind == "train" else TRAIN.format(**train.values())


def _moved(kind: str, scenario: Scenario, only: Scenario) -> str:
    """Results that had moved on purpose, where moving all of them had been too dear."""
    version = scenario.attack.behind_masks if kind == "run" and behind_mask(scenario) else 0
    moved = {0: "", 1: "&behind mask=likely, then plain"}.get(version, f"&behind mask={version}")  # searched without a prior once
    moved += "&components=drawn" * (only.prior == "dataset")  # they were the first public pictures once
    if kind == "run" and scenario.attacker == "aware" and scenario.coloured and scenario.coloured.tangent_noise:
        moved += "&noise=solved for"  # once an aware attack took such noise for as good as unknown
    return moved
