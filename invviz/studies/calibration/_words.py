"""Calibration of words: bits that are learned beside the words that attacks have right."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.lazy import torch
from ...core.rng import stream
from ...core.tree import flatten
from ...engine.attack import run
from ...engine.bits import Counted, count, sent
from ...engine.client import meet_client
from ...engine.observe import observe
from ...metrics import TokenAccuracy

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ...engine.client import Client, Site
    from ...scenario import Scenario

SWEEPS = 4  # most times that every word is tried anew


def points(group: list[Scenario], site: Site) -> list[dict[str, Any]]:
    """Points of scenarios that differ in noise alone: one count of alternatives serves them all."""
    counted, found = count(group[0], site), []
    for scenario in group:
        if scenario.key("bits") != group[0].key("bits"):
            raise ValueError(f"{scenario.text()} does not share the alternatives of {group[0].text()}.")
        own = Counted(scenario, counted.size, counted.stages, counted.truth, counted.gram)
        here = [word for sentence in own.here for word in sentence]
        client, result = meet_client(scenario, site), run(scenario, site)
        start = time.monotonic()
        words, left, settled = most_likely_words(
            client, flatten(observe(scenario, client).message), stream(scenario.seed, "oracle floor"), scenario.floor
        )
        told = _arm(words.cpu().numpy(), result.truth, left, not settled, time.monotonic() - start)
        found.append(
            {
                "scenario": scenario.text(),
                "model": scenario.model.text(),
                "defense": scenario.defense.text(),
                "index": int(scenario.data.values()["index"]),
                "sigma": own.sigma / own.size.rms,
                "invre": float(np.mean([word.invre for word in here])),
                "right": float(np.mean([word.right for word in here])),
                "arms": {"attack": _arm(result.guess, result.truth, result.loss, result.failed, result.seconds), "oracle_map": told},
            }
        )
        p = found[-1]
        arms = ", ".join(f"{name} {100 * arm['tokens']:.0f} %" for name, arm in p["arms"].items())
        sys.stderr.write(f"{p['model']} {p['defense']} #{p['index']}: InvRE {p['invre']:.2f}, right {p['right']:.2f}, {arms}\n")
    return found


def most_likely_words(client: Client, message: Tensor, rng: Generator, floor: float) -> tuple[Tensor, float, bool]:
    """Oracle: starts at the truth; for calibration only. Word by word the one whose message lies nearest to what was sent, until none changes: told of the defense, with all words equally likely.

    Args:
        client: holds the truth.
        message: what it sent, with the defenses' noise, (p,).
        rng: of the floor's noise, which is drawn and added here, for the risk score counts it.
        floor: over the message's root mean square.

    Returns:
        Words (b, length); what they leave of the message, over its length; whether no word changed any more.
    """
    message = message.double()
    message = message + floor * message.square().mean().sqrt() * torch.randn(message.shape, generator=rng, dtype=message.dtype)
    words, known = client.batch.private.clone(), client.net.params["head.weight"].shape[0]
    left = settled = None
    for _ in range(SWEEPS):
        before = words.clone()
        for row, place in (client.batch.private != 0).nonzero().tolist():
            tried = words.repeat(known - 1, 1, 1)
            tried[:, row, place] = torch.arange(1, known)
            off = (sent(client, tried).double() - message).square().sum(1)
            words[row, place] = 1 + int(off.argmin())
            left = float(off.min().sqrt() / message.norm())
        settled = bool((words == before).all())
        if settled:
            break
    return words, float(left or 0.0), bool(settled)


def _arm(guess: np.ndarray, truth: np.ndarray, loss: float, failed: bool, seconds: float) -> dict[str, Any]:
    tokens = float(TokenAccuracy().score(guess, truth).mean())
    return {"tokens": tokens, "loss": loss if np.isfinite(loss) else None, "failed": bool(failed), "seconds": seconds}
