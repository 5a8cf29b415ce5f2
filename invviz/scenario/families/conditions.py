"""Conditions under which a net in training mode was inverted (valadi2025feasibility), one switch each; no net and no picture is touched here."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping

import numpy as np

from ...attacks import Attack, GIAEstimate, GIARunning, InvertingGradients
from .. import Scenario

SEEDS = (7, 8, 9)  # nets, starts and draws that are compared
STEPS = 100  # of every attack, so that none has more than another
SMOOTH = 0.05  # weight of the total variation, of every attack: the default of those that match statistics
VICTIM = "data=photos(size=16)&batch=2&prior=natural&floor=0.0001"
WIDTHS, BLOCKS, DROPPED = (32, 8), (1, 3), 0.3


@dataclasses.dataclass(frozen=True)
class Condition:
    """One switch.

    Attributes:
        name: of the changed state, in addresses.
        label: what it is about.
        met: in words, how the attack needs it, or how training goes.
        changed: in words, the other state.
        row: the changed state where it stands alone.
        help: what it means.
    """

    name: str
    label: str
    met: str
    changed: str
    row: str
    help: str


CONDITIONS = {c.name: c for c in (
    Condition("inference", "Client computes in", "training mode", "inference mode", "inference mode",
              "Training mode: batch norm takes mean and variance of the private batch itself. Inference mode: it takes fixed ones that the server knows."),
    Condition("kept", "Batch statistics", "sent along", "kept", "statistics kept",
              "Batch norm keeps running means and variances. Sent along, they tell those of the private batch; kept, the attacker must guess or go without."),
    Condition("dropout", "Dropout", "off", f"{100 * DROPPED:.0f} %", f"dropout of {100 * DROPPED:.0f} %",
              "Features before the last layer are dropped by chance, others for every picture. The masks are not sent; only what all pictures of the batch dropped shows."),
    Condition("after", "Normalisation", "before", "after", "normalised after", "Batch norm and activation before every convolution (pre-activation), or after it."),
    Condition("plain", "Skip connections", "on", "off", "no skip connections", "Residual connections around every block of two convolutions."),
    Condition("narrow", "Width", f"wide ({WIDTHS[0]})", f"narrow ({WIDTHS[1]})", f"narrow ({WIDTHS[1]} channels)",
              "Channels of the first block; each later one has twice as many."),
    Condition("deep", "Depth", f"shallow ({BLOCKS[0]} block)", f"deep ({BLOCKS[1]} blocks)", f"deep ({BLOCKS[1]} blocks)", "Residual blocks of two convolutions."),
)}  # fmt: skip
OF_TRAINING = ("kept", "dropout")
IDLE = {
    "kept": "In inference mode no batch statistics are taken, so there is nothing to send or keep. Switch to training mode.",
    "dropout": "In inference mode nothing is dropped. Switch to training mode.",
    "after": "Without skip connections both orders are the same sequence of layers. Switch skip connections on.",
}


def read(text: str) -> frozenset[str]:
    """What an address says is changed; words that it does not know are left out.

    Example:
        >>> sorted(read("narrow,after,fast"))
        ['after', 'narrow']
    """
    return frozenset(text.split(",")) & set(CONDITIONS)


def write(changed: Collection[str]) -> str:
    """The same as one text, in the order of CONDITIONS."""
    return ",".join(name for name in CONDITIONS if name in changed)


def idle(changed: Collection[str]) -> dict[str, str]:
    """Switches that change nothing here, whatever they are set to, and why."""
    names = [*(OF_TRAINING if "inference" in changed else ()), *(("after",) if "plain" in changed else ())]
    return {name: IDLE[name] for name in names}


def felt(changed: Collection[str]) -> frozenset[str]:
    """What is changed without what changes nothing: two sets of switches with the same answer have the same scenario."""
    return frozenset(changed) - set(idle(changed))


def alone() -> list[frozenset[str]]:
    """All conditions met; then every one of them changed by itself."""
    return [frozenset(), *(frozenset({name}) for name in CONDITIONS)]


def called(changed: Collection[str]) -> str:
    """A set of switches in words."""
    return " + ".join(CONDITIONS[name].row for name in CONDITIONS if name in felt(changed)) or "training mode, nothing changed"


@functools.lru_cache(maxsize=512)
def scenario(changed: frozenset[str], seed: int) -> Scenario:
    """The client: its net, mode and dropout.

    Args:
        changed: names out of CONDITIONS; what changes nothing here is left out.
        seed: of fresh weights, start and draws.
    """
    now = felt(changed)
    model = f"preact(width={WIDTHS['narrow' in now]},blocks={BLOCKS['deep' in now]},order='{'post' if 'after' in now else 'pre'}',skip='{'off' if 'plain' in now else 'on'}')"
    mode = "hfl" if "inference" in now else f"hfl_training(statistics='{'kept' if 'kept' in now else 'sent'}')"
    drop = f"&defense=dropout(probability={DROPPED})" if "dropout" in now else ""
    made = Scenario.parse(f"{VICTIM}&model={model}&protocol={mode}{drop}&seed={seed}")
    return made.replace(attack=next(iter(_fitting(made))))


@functools.lru_cache(maxsize=512)
def _attackers(client: Scenario) -> dict[str, Scenario]:
    found = {attack.name: client.replace(attack=attack) for attack in _fitting(client)}
    if not client.defense:
        return found
    return {f"{name} {who}": s.replace(attacker=who) for name, s in found.items() for who in ("aware", "unaware")}


def attackers(client: Scenario) -> dict[str, Scenario]:
    """Attacks that fit, by name: with the statistics that are sent, or with guessed ones and without any, or for a net in inference mode.

    Where the client drops features, each of them once by an attacker who is told so ("NAME aware") and once by one who is not ("NAME unaware").
    """
    return dict(_attackers(client))


def _fitting(client: Scenario) -> list[Attack]:
    plain = InvertingGradients(steps=STEPS, tv=SMOOTH)
    if not client.protocol.training_mode:
        return [plain]
    if client.protocol.sends_statistics:
        return [GIARunning(steps=STEPS, tv=SMOOTH)]
    return [GIAEstimate(steps=STEPS, tv=SMOOTH), plain]


def best(found: Mapping[str, float]) -> str | None:
    """The strongest attacker: who defends must reckon with that one; None of none."""
    return max(found, key=lambda name: found[name], default=None)


def differences(here: Mapping[int, float], base: Mapping[int, float]) -> tuple[float, float, float] | None:
    """Median, least and most dB that seeds get more than the same seeds of the base line; None where they have none in common.

    Example:
        >>> differences({1: 10.0, 2: 14.0, 3: 11.0}, {1: 12.0, 2: 15.0})
        (-1.5, -2.0, -1.0)
    """
    apart = [psnr - base[seed] for seed, psnr in here.items() if seed in base]
    return (float(np.median(apart)), min(apart), max(apart)) if apart else None


def middle(values: Iterable[float]) -> float | None:
    """Median; None of none."""
    listed = list(values)
    return float(np.median(listed)) if listed else None


def scored() -> list[Scenario]:
    """Those whose spectrum comes with the package: nothing changed, at the first seed (half a minute of computing)."""
    return [scenario(frozenset(), SEEDS[0])]


def prepared() -> list[tuple[Scenario, list[Scenario]]]:
    """What comes with the package: every row of the page with its attackers, seed by seed."""
    return [(s, list(attackers(s).values())) for changed in alone() for seed in SEEDS for s in [scenario(changed, seed)]]


__all__ = [
    "CONDITIONS",
    "SEEDS",
    "Condition",
    "alone",
    "attackers",
    "best",
    "called",
    "differences",
    "felt",
    "idle",
    "middle",
    "prepared",
    "read",
    "scenario",
    "scored",
    "write",
]
