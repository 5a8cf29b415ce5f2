"""An audit as the user holds it: figures by name, JSON with a schema, a table, a chart, a report."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core import plain
from ...core.errors import InvvizError
from ...core.paths import ROOT

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ...charts.exposure import Figure
    from ...engine.audit.findings import Budget, Exposure, Findings, LeastNoise, Tried, Verdict

SCHEMA = "invviz.audit/2"


@dataclasses.dataclass(frozen=True, eq=False)
class Audit:
    """What `invviz.audit` found. The arrays hold private data: they stay in memory, and are in no report.

    Attributes:
        findings: every figure and sentence.
        asked: what was asked for, as plain words and numbers.
        made: when, ISO 8601 in UTC.
        versions: of Python and the packages that numbers depend on.
        truth: private inputs between 0 and 1, (b, ...).
        ideal: the ideal attacker's answer, likewise; None without a spectrum.
        guess: the strongest real attack's answer, likewise, in the order of the truth; None where none gave one.
    """

    findings: Findings
    asked: dict[str, Any]
    made: str
    versions: dict[str, str]
    truth: np.ndarray
    ideal: np.ndarray | None = None
    guess: np.ndarray | None = None

    @property
    def records(self) -> tuple[Exposure, ...]:
        """Exposure of each record, the most exposed first; of a sketch, which knows no order, as they came."""
        return self.findings.records

    @property
    def verdict(self) -> Verdict:
        """In a word: on the most exposed record, or of a sketch on the mean."""
        return self.findings.verdict

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
    def risk(self) -> dict[str, Any] | None:
        """Figures of the spectrum: invre, invre_interval, psnr_ceiling, singular_values and more; None where there is none."""
        return self.findings.risk

    @property
    def invre(self) -> float | None:
        """InvRE; None without a spectrum."""
        return None if self.risk is None else self.risk["invre"]

    @property
    def psnr_ceiling(self) -> float | None:
        """Expected best in dB; None without a spectrum."""
        return None if self.risk is None else self.risk["psnr_ceiling"]

    @property
    def reasons(self) -> tuple[dict[str, Any], ...]:
        """What the validator says, each with name, weight, what, repair, where."""
        return self.findings.reasons

    @property
    def least_noise(self) -> LeastNoise | None:
        """The least Gaussian noise for the wanted ceiling."""
        return self.findings.least_noise

    @property
    def epsilon(self) -> float | None:
        """Of the formal promise; None where there is none or it is not known (`budget` says which)."""
        return self.findings.budget.epsilon

    @property
    def budget(self) -> Budget:
        """The formal promise."""
        return self.findings.budget

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do."""
        return self.findings.advice

    @property
    def limits(self) -> tuple[str, ...]:
        """What the audit does not show."""
        return self.findings.limits

    def to_json(self) -> dict[str, Any]:
        """Everything but the arrays, as plain numbers and words; `assets/audit.schema.json` says how it is built."""
        from ._checklist import POINTS, RISKS

        return plain.plain(
            {
                "schema": SCHEMA,
                "made": self.made,
                "versions": self.versions,
                "asked": self.asked,
                "threat_model": threat_model(self.findings),
                **self.findings.to_json(),
                "open_risks": list(RISKS),
                "checklist": [dataclasses.asdict(point) for point in POINTS],
            }
        )

    def rows(self) -> pd.DataFrame:
        """One row a record, in the order of `records`."""
        import pandas as pd

        return pd.DataFrame([dataclasses.asdict(row) for row in self.records])

    def plot(self) -> Figure:
        """Every record: what the ideal attacker is expected to get, and what a real attack got."""
        from ...charts.exposure import exposure_figure

        rows = [(r.record, r.ideal_psnr, r.attacked_psnr, r.attack) for r in self.records]
        return exposure_figure(rows, self.risk is None or self.risk["method"] != "sketch")

    def report(self, path: str | Path) -> Path:
        """Write a report: .html to read and to sign, .json, or .csv of the records.

        Raises:
            InvvizError: another ending, or the file cannot be written.
        """
        return write(self.to_json(), path)

    def text(self, form: str) -> str:
        """The same report as a text: "html", "json" or "csv"."""
        return written(self.to_json(), form)

    def __str__(self) -> str:
        """The findings in a few lines."""
        from ._finding import summary

        return "\n".join(summary(self.to_json()))


def write(found: dict[str, Any], path: str | Path, text: Callable[[dict[str, Any], str], str] | None = None) -> Path:
    """Write the report of an audit that is at hand as JSON; arguments and errors as of `Audit.report`; `text` as `written`, which it is where it is left out."""
    path = Path(path)
    form = path.suffix.lower().removeprefix(".")
    if form not in ("html", "json", "csv"):
        raise InvvizError(f"A report ends with .html, .json or .csv; {path.name!r} does not.")
    try:
        path.write_text((text or written)(found, form), encoding="utf-8")
    except OSError as err:
        raise InvvizError(f"{path} cannot be written: {err.strerror or err}. Name another file.") from err
    return path


def written(found: dict[str, Any], form: str) -> str:
    """The report of an audit that is at hand as JSON, as a text: "html", "json" or "csv"."""
    from ._html import to_html

    forms = {"html": to_html, "json": lambda j: json.dumps(j, indent=1, allow_nan=False) + "\n", "csv": _csv}
    return forms[form](found)


def _csv(found: dict[str, Any]) -> str:
    import pandas as pd

    return pd.DataFrame(found["records"]).to_csv(index=False)


@functools.cache
def schema() -> dict[str, Any]:
    """The JSON Schema of `Audit.to_json`."""
    return json.loads((ROOT / "assets" / "audit.schema.json").read_text(encoding="utf-8"))


def threat_model(found: Findings) -> dict[str, Any]:
    """Who attacks, and what with."""
    first = next((one for one in found.attacks if one.psnr), None)
    return {
        "server": "honest but curious: it follows the protocol and keeps what it sees",
        "sees": "one message of this client",
        "knows": first.given
        if first
        else "message, net, targets and what is expected of records (the ideal attacker; no other was tried or had an answer)",
        "letter": first.threat_model if first else "",
        "aware": bool(found.defense),
        "told_targets": "The attacker is told the targets." in found.notes or bool(first and "labels" in first.given),
    }
