"""Which detector sees which server: thresholds from honest nets, false alarms on others, planted nets caught at 1 % false alarms, and what hiding costs a server.

Made by `python -m invviz.studies.detectors`, kept as plain JSON beside the scores of all honest nets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ...core.paths import GALLERY
from ...core.plain import to_json
from ...core.shipped import reading
from ..kept import HEAD, of_today
from ._zoo import KINDS

FOLDER = GALLERY / "detectors"
FILE = "study.json"
COMMAND = "python -m invviz.studies.detectors"


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """The study, as it is kept.

    Attributes:
        facts: date, machine, versions, seconds; how many lines of honest nets and nets there are, how many of each of KINDS.
        detectors: of every detector by name: `by_rule` (it has no threshold; its false alarms are none by what it is), or threshold, `calibrated_on`, `tested_on`, `false_alarms` and their
            95 % `interval`, `rate` (of false alarms that the threshold is set at: 1 %, of very few nets 0: above all that were calibrated on), `enough` (10 false alarms or more are expected
            at it, so that it is well known), `kinds` ([alarms, judged] of every kind of net). Of weight structure the `limits` of its signals.
        servers: rows, one for each server and jitter: server, title, jitter, what it reads without jitter and here (`read_plain`, `read`: share of the pictures shown to 20 dB; of a server that singles one out, of those that it was after), `nets`, and `found`: of every detector
            `judged`, and where that is not 0 `caught`, `share`, 95 % `interval`, and the `curve` [[false alarms, caught], ...].
    """

    facts: Mapping[str, Any]
    detectors: Mapping[str, Mapping[str, Any]]
    servers: tuple[Mapping[str, Any], ...]

    def to_json(self) -> str:
        """Plain JSON, a line a server and jitter."""
        lines = ",\n".join(to_json(row) for row in self.servers)
        head = f'{to_json(HEAD)[:-1]},\n"facts": {to_json(dict(self.facts))},\n"detectors": {to_json(dict(self.detectors))}'
        return f'{head},\n"servers": [\n{lines}\n]}}\n'

    @classmethod
    def from_json(cls, text: str) -> Study | None:
        """Read what `to_json` wrote; None where it was made for other results.

        Raises:
            ValueError, KeyError, TypeError: not such a text.
        """
        found = of_today(text)
        return None if found is None else cls(found["facts"], found["detectors"], tuple(found["servers"]))

    def row(self, server: str, hidden: bool) -> Mapping[str, Any] | None:
        """The row of a server without jitter, or with the most that leaves it half of what it reads; None where there is none."""
        rows = [row for row in self.servers if row["server"] == server and (row["jitter"] > 0) == hidden]
        return rows[0] if rows else None

    def sees(self, server: str, hidden: bool, least: float = 0.5) -> list[str]:
        """Detectors that catch at least a share of a server's nets, the surest first; those with a threshold at its rate of false alarms."""
        row = self.row(server, hidden)
        shares = {name: one["share"] for name, one in (row["found"] if row else {}).items() if one["judged"]}
        return sorted((name for name, share in shares.items() if share >= least), key=lambda name: -shares[name])


@lru_cache(maxsize=1)
def shipped() -> Study | None:
    """The study that comes with invviz; None where it is not there, or damaged (said once, `core.shipped`)."""
    with reading(FOLDER / FILE, COMMAND):
        return Study.from_json((FOLDER / FILE).read_text())
    return None


__all__ = ["COMMAND", "FOLDER", "KINDS", "Study", "shipped"]
