"""What the victim's detectors say before it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..defenses.detectors import DETECTORS
from ..scenario import Scenario, check
from .client import Client, Site, meet_client

if TYPE_CHECKING:
    from ..core.received import Finding


def inspect(scenario: Scenario, site: Site, client: Client | None = None) -> dict[str, Finding]:
    """What every detector of the table makes of the net that the client was sent, by name.

    Args:
        scenario: what to look at; its attack plays no part.
        site: where.
        client: who looks; None for the scenario's own victim.

    Raises:
        ScenarioError: the parts do not fit together.
        InvvizError: data missing.
    """
    received = (client or meet_client(check(scenario), site)).received(scenario)
    return {name: kind().inspect(received) for name, kind in DETECTORS.items()}
