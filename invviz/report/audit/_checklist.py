"""What of an audit speaks to which point of four documents. Only what was read is quoted: of the Opinion its summary, without paragraph numbers."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from ._blocks import note, section, table


@dataclasses.dataclass(frozen=True)
class Point:
    """One point.

    Attributes:
        source: the document.
        place: in it, where its number was read.
        asks: what it asks for, in our words.
        here: what the report has of it.
        covered: "yes", "partly", or "no": left to the owner.
    """

    source: str
    place: str
    asks: str
    here: str
    covered: Literal["yes", "partly", "no"]


DPIA, EDPB, NIST, ISO = "GDPR, data protection impact assessment", "EDPB Opinion 28/2024", "NIST AI RMF 1.0", "ISO/IEC 27559:2022"

POINTS: tuple[Point, ...] = (
    Point(DPIA, "Art. 35(7)(a)", "a systematic description of the processing and its purposes", "Scope and Threat model describe the message; purposes are left to the owner.", "partly"),
    Point(DPIA, "Art. 35(7)(b)", "necessity and proportionality in relation to the purposes", "Nothing: an audit cannot judge them.", "no"),
    Point(DPIA, "Art. 35(7)(c)", "the risks to the rights and freedoms of data subjects", "Records, Expected best and Attacks, for what one message tells of the records in it; other risks are left to the owner.", "partly"),
    Point(DPIA, "Art. 35(7)(d)", "the measures envisaged to address the risks", "Defense, Formal promise, What to do, and the risks to sign.", "partly"),
    Point(EDPB, "", "that the likelihood of extracting personal data of those whose data were used is insignificant, by means reasonably likely to be used", "Real attacks on an update and the ideal attacker beside them. The trained model itself and its outputs were not tested.", "partly"),
    Point(EDPB, "", "documentation by which authorities can assess that, case by case", "This report and its JSON, with hashes, versions and seeds.", "partly"),
    Point(NIST, "MEASURE 2.7", "security and resilience are evaluated and documented", "Attacks, for the confidentiality of updates only.", "partly"),
    Point(NIST, "MEASURE 2.10", "privacy risk is examined and documented", "Records, Expected best, Limits.", "partly"),
    Point(NIST, "MANAGE 1.3", "responses to the risks of high priority are developed and documented", "What to do; the choice is the owner's.", "partly"),
    Point(NIST, "MANAGE 1.4", "negative residual risks are documented", "Risks to sign.", "partly"),
    Point(ISO, "6 Context assessment, with threat modelling", "who may get at the data, with which means and motives", "Threat model states means and knowledge of one attacker; motives are left to the owner.", "partly"),
    Point(ISO, "7 Data assessment, with attack modelling", "features of the data, and whether the maximum or the average risk counts", "Records are told of one by one.", "partly"),
    Point(ISO, "8 Identifiability assessment, with adversarial testing", "to quantify, to test as an adversary, to mitigate and to evaluate again", "Expected best, Attacks, least noise. Who a record belongs to was not asked.", "partly"),
    Point(ISO, "9 Governance", "roles, responsibilities, procedures before and after", "Nothing but a place to sign.", "no"),
)  # fmt: skip

RISKS = (
    "The strongest attack that was tried may not be the strongest there is.",
    "Messages of later rounds, and of the same records at other states of the net, tell more together than one does.",
    "The trained net and what it is asked later may tell of the records, too.",
    "A server that sends another net than this one (a malicious server) may read more.",
)
"""Which the owner accepts or does not, by signature."""


def to_sign(found: dict[str, Any]) -> str:
    """Open risks with a place to sign."""
    rows = [[risk, "", "", ""] for risk in found["open_risks"]]
    return section(
        "Risks to sign", table("Open risks; the owner decides", ("risk", "accepted or treated how", "name and date", "signature"), rows)
    )


def mapped(found: dict[str, Any]) -> str:
    """Which points of which documents the report speaks to."""
    rows = [[f"{p['source']} {p['place']}".strip(), p["asks"], p["here"], p["covered"]] for p in found["checklist"]]
    said = (
        "A map of this report to points of four documents, in our words; no statement of conformity with any of them, and no legal advice."
    )
    return section("Checklist", note(said), table("Which point this report speaks to", ("document", "asks for", "here", "covered"), rows))
