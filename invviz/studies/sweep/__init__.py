"""Sweeps: one scenario varied along axes; for every cell a training, attacks and a spectrum, through the store, so that nothing is computed twice."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ...core.command import command
from ...core.errors import TextError
from ...scenario import Scenario, bits_problems, problems, risk_problems, train_problems
from ._grid import MOST, Axis, count, product, split
from ._local import Progress, asked, compute, estimate, progress, queue, watcher
from ._rows import FIGURES, table

if TYPE_CHECKING:
    from ...jobs.store import Kind

WHAT = ("train", "unaware", "aware", "risk")
"""What is computed for a cell: accuracy by training, the attack without and with knowledge of the defense, the spectrum (of words, which have none, their alternatives)."""
LONGEST = 1_100_000  # characters of a sweep's text: its scenario and its axes
MARK = "|"  # between scenario and axes in one line of text


@dataclasses.dataclass(frozen=True)
class Cell:
    """One combination of the axes' values.

    Attributes:
        values: of the axes, by name.
        scenario: what they make; its attacker plays no part.
        jobs: what is computed, by a name of WHAT: kind and scenario.
        reasons: why something is not computed, by a name of WHAT.
    """

    values: dict[str, str]
    scenario: Scenario
    jobs: dict[str, tuple[Kind, Scenario]]
    reasons: dict[str, str]

    @cached_property
    def keys(self) -> dict[str, str]:
        """Keys of the jobs in the store, by a name of WHAT."""
        return {name: scenario.key(kind) for name, (kind, scenario) in self.jobs.items()}


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A scenario and what is varied about it, as one line of text.

    Example:
        >>> s = Sweep.parse("data=digits&model=mlp&attack=linear_layer | seed=0..1 | defense=none,gaussian_noise(sigma=0.1)")
        >>> len(s.cells), s.key == Sweep.parse(s.text()).key
        (4, True)
    """

    base: Scenario
    axes: tuple[Axis, ...]
    what: tuple[str, ...] = WHAT

    @classmethod
    def of(cls, scenario: str, axes: Sequence[str], what: Sequence[str] = WHAT) -> Sweep:
        """Read scenario and axes.

        Args:
            scenario: text form.
            axes: `NAME=value,value` each.
            what: names of WHAT.

        Raises:
            TextError: something cannot be read; nothing is computed of such a sweep.
        """
        if unknown := [w for w in what if w not in WHAT]:
            raise TextError(f"unknown {unknown[0]!r} in what=; known: {', '.join(WHAT)}.")
        base = Scenario.parse(scenario)
        if base.upload:
            raise TextError("An uploaded picture is private and is not swept; leave upload= out.")
        count(axes)  # before anything of it is written out
        found = cls(base.replace(attacker=Scenario.attacker), tuple(map(Axis.parse, axes)), tuple(w for w in WHAT if w in what))
        product(found.base, found.axes)  # refused now rather than in the middle
        return found

    @classmethod
    def parse(cls, text: str, most: int = MOST) -> Sweep:
        """Read what `text` writes: `SCENARIO | AXIS=values | what=train,aware`.

        Args:
            text: one line.
            most: cells that are taken here.

        Raises:
            TextError: something cannot be read, or there are too many cells.
        """
        if len(text) > LONGEST:
            raise TextError(f"a sweep of {len(text):,} characters is too long; at most {LONGEST:,} are read.")
        scenario, *rest = (part.strip() for part in split(text, MARK))
        what = [part.removeprefix("what=") for part in rest if part.startswith("what=")]
        axes = [part for part in rest if not part.startswith("what=")]
        if (cells := count(axes)) > most:
            raise TextError(
                f"a sweep of {cells:,} cells; at most {most:,} are taken here. Use fewer values, or the command line (`sweep`), which takes {MOST:,}."
            )
        return cls.of(scenario, axes, what[0].split(",") if what else WHAT)

    def text(self) -> str:
        """The one line from which everything can be computed again."""
        what = [f"what={','.join(self.what)}"] if self.what != WHAT else []
        return f" {MARK} ".join([self.base.text(), *(axis.text() for axis in self.axes), *what])

    def command(self) -> str:
        """The same for the command line."""
        what = ["--what", ",".join(self.what)] if self.what != WHAT else []
        return command("sweep", self.base.text(), *(axis.text() for axis in self.axes), *what)

    @property
    def key(self) -> str:
        """Name of the sweep: a hash of its text."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:20]

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, the last axis fastest."""
        return tuple(self._cell(values, scenario) for values, scenario in product(self.base, self.axes))

    @cached_property
    def jobs(self) -> dict[str, tuple[Kind, Scenario]]:
        """Everything that is computed, each thing once however many cells share it, by key."""
        return {key: cell.jobs[name] for cell in self.cells for name, key in cell.keys.items()}

    def _cell(self, values: dict[str, str], scenario: Scenario) -> Cell:
        counted = scenario.data.modality.discrete
        attack, train = problems(scenario), train_problems(scenario)
        risk = (bits_problems if counted else risk_problems)(scenario)
        ideal: Kind = "bits" if counted else "risk"
        candidates: dict[str, tuple[Kind, Scenario, list[str]]] = {
            "train": ("train", scenario.only("train"), train),
            "unaware": ("run", scenario.replace(attacker="unaware").only("run"), attack),
            "aware": ("run", scenario.replace(attacker="aware").only("run"), attack),
            "risk": (ideal, scenario.only(ideal), risk),
        }
        wanted = {name: candidates[name] for name in self.what if name != "aware" or scenario.defense}
        jobs: dict[str, tuple[Kind, Scenario]] = {name: (kind, asked) for name, (kind, asked, reasons) in wanted.items() if not reasons}
        return Cell(values, scenario, jobs, {name: " ".join(reasons) for name, (_, _, reasons) in wanted.items() if reasons})


__all__ = [
    "FIGURES",
    "MARK",
    "MOST",
    "WHAT",
    "Axis",
    "Cell",
    "Progress",
    "Sweep",
    "asked",
    "compute",
    "estimate",
    "progress",
    "queue",
    "split",
    "table",
    "watcher",
]
