"""What a server that plants nets expects to read, before any message comes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..scenario import check
from .client import Client, meet_client

if TYPE_CHECKING:
    from ..scenario import Scenario
    from .client import Site


def expected_share(scenario: Scenario, site: Site, client: Client | None = None) -> float | None:
    """The share of the batch that is expected to be open to an exact read-out, by public samples; None where no planted net tells it.

    Args:
        scenario: with a server that plants bins or rows.
        site: where.
        client: who met that server already; None to meet it now.
    """
    if not check(scenario).server.plan:
        return None
    return by_its_notes(scenario, client or meet_client(scenario, site))


def by_its_notes(scenario: Scenario, client: Client) -> float | None:
    """The same of a client who met the server."""
    plan = client.net.plan
    share = math.nan if plan is None else plan.expected(scenario.batch, 1 + len(client.others))
    return None if math.isnan(share) else share


def expected_fact(scenario: Scenario, site: Site) -> dict[str, float]:
    """The same as it stands among the facts of a run; nothing where nothing tells it."""
    share = expected_share(scenario, site)
    return {} if share is None else {"expected_share": share}
