"""An audit of sentences as the user holds it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...core import plain
from ._audit import write

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from ...core.vocabulary import Vocabulary
    from ...engine.audit.text_findings import LeastWordNoise, Sentence, TextFindings, Tried

TEXT_SCHEMA = "invviz.audit.text/1"


@dataclasses.dataclass(frozen=True, eq=False)
class TextAudit:
    """What `invviz.audit_text` found. The arrays hold private words: they stay in memory, and are in no report.

    Attributes:
        findings: every figure and sentence of the report.
        asked: what was asked for, as plain words and numbers.
        made: when, ISO 8601 in UTC.
        versions: of Python and the packages that numbers depend on.
        vocabulary: the words by their numbers.
        truth: numbers of words (b, length).
        ideal: the most likely word at every place, likewise; None where words were not counted.
        guess: the strongest real attack's answer, likewise, in the order of the truth; None where none gave one.
    """

    findings: TextFindings
    asked: dict[str, Any]
    made: str
    versions: dict[str, str]
    vocabulary: Vocabulary
    truth: np.ndarray
    ideal: np.ndarray | None = None
    guess: np.ndarray | None = None

    @property
    def records(self) -> tuple[Sentence, ...]:
        """What is told of each sentence, the most exposed first."""
        return self.findings.records

    @property
    def attacks(self) -> tuple[Tried, ...]:
        """Real attacks, strongest first; those without an answer last, with the reason."""
        return self.findings.attacks

    @property
    def strongest(self) -> Tried | None:
        """The strongest real attack; None where none gave an answer."""
        place = self.findings.strongest
        return None if place is None else self.findings.attacks[place]

    @property
    def invre(self) -> float | None:
        """Share of the bits of a word that are learned, on average over all words; None where they were not counted."""
        told = self.findings.counted
        return None if told is None else told.share

    @property
    def least_noise(self) -> LeastWordNoise | None:
        """The least Gaussian noise with which hardly anything of any word is learned."""
        return self.findings.least_noise

    @property
    def epsilon(self) -> float | None:
        """The formal budget; None where there is none or it is not known."""
        return self.findings.budget.epsilon

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do."""
        return self.findings.advice

    @property
    def limits(self) -> tuple[str, ...]:
        """What this does not show."""
        return self.findings.limits

    def to_json(self) -> dict[str, Any]:
        """Everything but the sentences, as plain numbers and words."""
        from ._checklist import POINTS, RISKS

        first = self.strongest
        seen = first.given if first else "message, net and vocabulary (no attack was tried or had an answer)"
        threat = {
            "server": "honest but curious: it follows the protocol and keeps what it sees",
            "sees": "one message of this client",
            "knows": seen,
            "letter": first.threat_model if first else "",
            "aware": bool(self.findings.defense),
            "told_targets": bool(first and "labels" in first.given),
        }
        own = {"schema": TEXT_SCHEMA, "made": self.made, "versions": self.versions, "asked": self.asked, "threat_model": threat}
        more = {"open_risks": list(RISKS), "checklist": [dataclasses.asdict(point) for point in POINTS]}
        return plain.plain({**own, **self.findings.to_json(), **more})

    def rows(self) -> pd.DataFrame:
        """One row a sentence, in the order of `records`; bits of its words as their mean."""
        return _rows(self.to_json())

    def report(self, path: str | Path) -> Path:
        """Write a report: .html to read and to sign, .json, or .csv of the sentences' figures.

        Raises:
            InvvizError: another ending, or the file cannot be written.
        """
        return write(self.to_json(), path, lambda found, form: FORMS[form](found))

    def text(self, form: str) -> str:
        """The same report as a text: "html", "json" or "csv"."""
        return FORMS[form](self.to_json())

    def __str__(self) -> str:
        """The findings in a few lines."""
        from ._text_words import summary

        return "\n".join(summary(self.to_json()))


def _rows(found: Mapping[str, Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([{**row, "bits": sum(row["bits"]) / len(row["bits"]) if row["bits"] else None} for row in found["records"]])


def _html(found: Mapping[str, Any]) -> str:
    from ._text_html import text_html

    return text_html(found)


FORMS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "html": _html,
    "json": lambda found: json.dumps(found, indent=1, allow_nan=False) + "\n",
    "csv": lambda found: _rows(found).to_csv(index=False),
}


__all__ = ["FORMS", "TEXT_SCHEMA", "TextAudit"]
