"""A report for programs: CSV with a row a result, JSON with everything."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..core import plain
from ._collect import Entry, Report, Swept
from ._numbers import mean

FIGURES = ("invre", "psnr_ceiling", "bound", "invloss", "invloss_bound", "k_star", "n", "p", "sigma", "floor", "prior", "method")
FACTS = (
    "given",
    "threat_model",
    "failed",
    "stopped",
    "accuracy",
    "rounds",
    "trained_on",
    "seconds",
    "steps",
    "device",
    "version",
    "data_note",
)


def to_csv(report: Report) -> str:
    """One row a result, a cell of a sweep being one too; scores are means over the batch, infinite ones `inf`, unknown ones empty."""
    import pandas as pd

    rows = [_row(e) for e in report.entries] + [row for s in report.sweeps for row in _cells(s)]
    return pd.DataFrame(rows).to_csv(index=False)


def _row(e: Entry) -> dict[str, Any]:
    f = e.facts
    row: dict[str, Any] = {
        "kind": e.kind, "key": e.key, "state": e.job.state, "scenario": e.scenario.text(), "command": e.command,
        "finished": _date(e.job.finished), "attacker": e.scenario.attacker, "batch": e.scenario.batch, "seed": e.scenario.seed,
    }  # fmt: skip
    row |= {name: mean(values) for name, values in f.get("scores", {}).items()}
    row |= {name: f[name] for name in FACTS if name in f}
    if "best" in f:
        row["accuracy_best"] = f["best"]
    if e.spectrum:
        figures = e.spectrum.figures
        row |= {name: figures[name] for name in FIGURES} | {"bound_reasons": ", ".join(figures["bound_reasons"])}
        row |= {f"invre_{end}": value for end, value in zip(("low", "high"), figures["invre_interval"], strict=True)}
    return row | {"note": " ".join([f.get("note") or "", e.gap]).strip(), "error": e.job.error}


def _cells(s: Swept) -> list[dict[str, Any]]:
    rows = s.rows.rename(columns={"reason": "error"}).to_dict("records")
    return [{"kind": "cell", "key": s.key, **{str(k): v for k, v in row.items()}, "command": s.command} for row in rows]


def to_json(report: Report) -> str:
    """Everything, infinite numbers as "inf" and "-inf", unknown ones as null; of arrays only shape and type."""
    found = {
        "title": report.title,
        "made": report.made.isoformat(timespec="seconds"),
        "versions": report.versions,
        "results": [_facts(e) for e in report.entries],
        "sweeps": [{"key": s.key, "sweep": s.text, "command": s.command, "rows": s.rows.to_dict("records")} for s in report.sweeps],
        "references": report.references,
        "references_note": report.references_note,
    }
    return plain.to_json(found, indent=1)


def _facts(e: Entry) -> dict[str, Any]:
    return {
        "kind": e.kind,
        "key": e.key,
        "state": e.job.state,
        "scenario": e.scenario.text(),
        "scenario_full": e.scenario.text(full=True),
        "command": e.command,
        "finished": _date(e.job.finished),
        "error": e.job.error,
        "result": e.facts or None,
        "risk": e.spectrum.figures if e.spectrum else None,
        "risk_note": e.gap,
        "arrays": e.arrays,
    }


def _date(finished: float | None) -> str | None:
    return datetime.fromtimestamp(finished, UTC).isoformat(timespec="seconds") if finished else None
