"""Scores of the honest nets, computed line by line and kept as arrays."""

from __future__ import annotations

import dataclasses
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from ...core.lazy import torch
from ._scores import COLUMNS, SLOW, scores
from ._zoo import ARCHITECTURES, DATA, KINDS, STARTS, line

LINES = 500
FILE = "honest.npz"
EVERY = 10  # lines between two times that what is known is kept


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """Of all honest nets, one row each.

    Attributes:
        scores: (n, columns) in the order of `columns`; NaN where a detector could not judge.
        line, kind, data, architecture, start: (n,), the last four as places in KINDS, DATA, ARCHITECTURES and STARTS.
        columns: names.
    """

    scores: np.ndarray
    line: np.ndarray
    kind: np.ndarray
    data: np.ndarray
    architecture: np.ndarray
    start: np.ndarray
    columns: tuple[str, ...] = COLUMNS

    @property
    def calibrate(self) -> np.ndarray:
        """Which rows thresholds are set by: lines of even number; the others are for testing, and share no weights with these."""
        return self.line % 2 == 0

    def of(self, column: str) -> np.ndarray:
        """The scores of one column, (n,)."""
        return self.scores[:, self.columns.index(column)]

    def save(self, folder: Path) -> None:
        """As a compressed archive."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            folder / FILE, allow_pickle=False, **{f.name: np.asarray(getattr(self, f.name)) for f in dataclasses.fields(self)}
        )

    @classmethod
    def load(cls, folder: Path) -> Scores:
        """What `save` wrote.

        Raises:
            FileNotFoundError: not there.
            ValueError, KeyError: not such an archive.
        """
        with np.load(folder / FILE, allow_pickle=False) as held:
            found = {f.name: held[f.name] for f in dataclasses.fields(cls) if f.name != "columns"}
            return cls(**found, columns=tuple(map(str, held["columns"])))


def of_line(number: int, data_dir: Path | None) -> list[tuple[np.ndarray, list[int]]]:
    """Scores and places of every net of one line. The slow detector looks at one net of every fourth pair of lines, another kind every time."""
    found, looked = [], -1 if number // 2 % 4 else 1 + number // 8 % (len(KINDS) - 1)
    for honest in line(number, data_dir):
        if not honest.received.finite:  # nobody is sent a net that diverged
            continue
        kind = KINDS.index(honest.kind)
        row = scores(honest.received, () if kind == looked else SLOW)
        places = [
            number,
            kind,
            DATA.index(honest.scenario.data.name),
            ARCHITECTURES.index(honest.scenario.model.name),
            STARTS.index(honest.start),
        ]
        found.append((row, places))
    return found


def make(lines: int, workers: int, data_dir: Path | None, folder: Path) -> Scores:
    """All of them; what is known is kept while it goes on, and a run that was stopped goes on from there.

    Args:
        lines: how many start from weights of their own; six nets each.
        workers: processes of one thread.
        data_dir: folder with data sets.
        folder: where they are kept.
    """
    start, rows = time.monotonic(), []
    if (folder / FILE).is_file() and (known := Scores.load(folder)).columns == COLUMNS:
        rows = list(
            zip(known.scores, np.stack([known.line, known.kind, known.data, known.architecture, known.start], 1).tolist(), strict=True)
        )
    waiting = [number for number in range(lines) if number not in {places[0] for _, places in rows}]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=alone) as pool:
        running = [pool.submit(of_line, number, data_dir) for number in waiting]
        for done, future in enumerate(as_completed(running), 1):
            rows += future.result()
            if done % EVERY == 0:
                _of_rows(rows).save(folder)
                sys.stderr.write(f"{done} of {len(waiting)} lines of honest nets, {time.monotonic() - start:.0f} s\n")
                sys.stderr.flush()
    found = _of_rows(rows)
    found.save(folder)
    return found


def _of_rows(rows: list[tuple[np.ndarray, list[int]]]) -> Scores:
    rows = sorted(rows, key=lambda row: row[1][:2])
    return Scores(np.stack([row for row, _ in rows]), *np.array([places for _, places in rows], dtype=np.int16).T)


def alone() -> None:
    """One thread a process."""
    torch.set_num_threads(1)
