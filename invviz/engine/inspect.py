"""What a client's detectors say of a net that it was sent, before it answers."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from ..core.errors import ScenarioError
from ..core.lazy import torch
from ..core.received import Received
from ..core.types import Net
from ..defenses.detectors import DETECTORS
from ..scenario import Scenario, check
from ..scenario.families.attacks import attackers
from .client import Client, Site, meet_client
from .results import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from ..core.received import Finding
    from .results import Reporter


@dataclasses.dataclass(frozen=True)
class Inspected:
    """What the detectors say.

    Attributes:
        digest: of the received net, which clients can compare.
        findings: of every detector of the table, by name.
    """

    digest: str
    findings: Mapping[str, Finding]

    @property
    def flagged(self) -> list[str]:
        """Names of the detectors that would not have the client answer."""
        return [name for name, finding in self.findings.items() if finding.flagged]

    @property
    def words(self) -> str:
        """The verdict in a sentence, with how many detectors it is of."""
        judged = sum(finding.judged for finding in self.findings.values())
        unable = f"; {len(self.findings) - judged} lack what they need" if judged < len(self.findings) else ""
        if self.flagged:
            names = ", ".join(DETECTORS[name].title for name in self.flagged)
            return f"{len(self.flagged)} of the {judged} detectors that could judge flag this net ({names}){unable}"
        return f"none of the {judged} detectors that could judge flags this net{unable}. That is no proof that it is honest"

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and words; the score is None where a detector could not judge."""
        told = {}
        for name, one in self.findings.items():
            score = one.score if one.judged else None
            told[name] = {
                "title": DETECTORS[name].title,
                "judged": one.judged,
                "flagged": one.flagged,
                "score": score,
                "reason": one.reason,
            }
        return {"digest": self.digest, "flagged": self.flagged, "words": self.words, "detectors": told}


def inspect(scenario: Scenario, site: Site, client: Client | None = None) -> dict[str, Finding]:
    """What every detector of the table makes of the net that the client was sent, by name.

    Args:
        scenario: what to look at; its attack plays no part.
        site: where.
        client: who looks; None for the scenario's own victim.

    Raises:
        ScenarioError: the parts do not fit together, or the client sends embeddings.
        InvvizError: data missing.
    """
    return dict(inspected(scenario, site, client).findings)


def inspected(
    scenario: Scenario, site: Site, client: Client | None = None, picture: np.ndarray | None = None, report: Reporter | None = None
) -> Inspected:
    """The same with the digest of the net; arguments and errors as of `inspect`; `picture`, an uploaded one (c, h, w), if the scenario names one; `report` as of `look`."""
    if scenario.server.steers:
        raise ScenarioError(
            [
                f"{scenario.server.name} sends no net of its own: it steers how a party trains by what it answers, and detectors of received nets have nothing to look at. "
                "Use a server that plants one, as server=imprint with protocol=hfl."
            ]
        )
    if scenario.protocol.sends_embedding:
        raise ScenarioError(
            [f"Detectors look at nets that clients send gradients of; {scenario.protocol.name} sends an embedding. Use protocol=hfl."]
        )
    fitting = next(iter(attackers(scenario).values()), scenario)  # whatever attack it names plays no part
    return look((client or meet_client(check(fitting), site, report, picture)).received(scenario), report)


def inspect_weights(
    weights: Mapping[str, np.ndarray],
    previous: Mapping[str, np.ndarray] | None = None,
    peers: Sequence[str] = (),
    report: Reporter | None = None,
) -> Inspected:
    """What detectors make of weights alone: those that try the net on samples say that they cannot judge.

    Args:
        weights: of the received net, by the names of its parameters; rows of a weight are its first dimension.
        previous: of the net of the round before, if it is at hand.
        peers: digests that other clients tell of theirs (`Inspected.digest`).
        report: as of `look`.
    """
    before = _weights_alone(previous) if previous is not None else None
    return look(Received(_weights_alone(weights), before, None, None, tuple(peers)), report)


def look(received: Received, report: Reporter | None = None) -> Inspected:
    """Every detector of the table asked; `report` hears of each before it is asked, and cannot stop them."""
    start, found = time.monotonic(), {}
    for done, (name, kind) in enumerate(DETECTORS.items()):
        if report is not None:
            report(Event(f"detectors ({kind.short_title()})", done, len(DETECTORS), time.monotonic() - start))
        found[name] = kind().inspect(received)
    return Inspected(received.net.digest, found)


def _weights_alone(weights: Mapping[str, np.ndarray]) -> Net:
    return Net(torch.nn.Identity(), {name: torch.tensor(values) for name, values in weights.items()})
