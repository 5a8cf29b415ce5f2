"""The risk of every simulated client: whose message gives away most, where pictures are dealt unevenly."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import Cancelled, InvvizError
from ..scenario import Scenario
from .assess import assess
from .client import Client, meet_client, world_of
from .results import Event
from .summary import risk_summary
from .training import Deal

if TYPE_CHECKING:
    from .client import Site
    from .results import Reporter

QUICK = "quick"  # how the spectra are computed: there are many


def client_risks(scenario: Scenario, site: Site, report: Reporter | None = None) -> list[dict[str, Any]]:
    """InvRE and PSNR ceiling of the first message of every client that the scenario's training simulates.

    Each sends the batch that it holds first, through the scenario's defenses, at the net before training.

    Args:
        scenario: its attack and victim play no part.
        site: where.
        report: progress over the clients; answering False stops.

    Returns:
        For every client: client, pictures (that it holds), classes (with at least one picture), largest (share of its most frequent class), labels (of
        the batch), invre, invre_interval, psnr_ceiling, bound and bound_reasons (`risk_summary`), and reason where there is no score.

    Raises:
        ScenarioError, InvvizError: as `assess`, where it concerns all of them.
        Cancelled: `report` answered False.
    """
    scenario, start = scenario.only("clients").replace(method=QUICK), time.monotonic()
    victim = meet_client(scenario, site, report)
    deal = Deal.of(scenario, victim.samples)
    counts, found = deal.counts(scenario.data.num_classes), []
    for number, hand in enumerate(deal.hands):
        if report and not report(Event("clients", number, len(deal.hands), time.monotonic() - start)):
            raise Cancelled("stopped")
        row = {
            "client": number,
            "pictures": len(hand),
            "classes": int((counts[number] > 0).sum()),
            "largest": counts[number].max() / len(hand),
        }
        found.append(row | _risk(scenario, site, victim, hand))
    return found


def _risk(scenario: Scenario, site: Site, victim: Client, hand: np.ndarray) -> dict[str, Any]:
    taken = hand[np.arange(scenario.batch) % len(hand)]
    image, label = victim.samples.public.take(taken.tolist())
    batch = victim.batch.like(scenario.protocol.part(image), label)
    world = world_of(scenario, victim.net, batch, victim.samples)
    own = dataclasses.replace(victim, batch=batch, world=world, release=scenario.defense.wrap(victim.bare, world))
    try:
        assessed = assess(scenario, site, client=own)
    except Cancelled:
        raise
    except InvvizError as err:  # such as a spectrum that is not finite: the others have theirs
        return {"labels": label.tolist(), "reason": str(err)}
    risk = risk_summary(scenario, assessed.decomposition, assessed.size, assessed.stages)
    return {
        "labels": label.tolist(),
        **{name: risk[name] for name in ("invre", "invre_interval", "psnr_ceiling", "bound", "bound_reasons")},
    }
