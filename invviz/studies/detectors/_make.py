"""Making the study: honest nets first, then every server, without jitter and with as much as leaves it half of what it reads."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...core.errors import InvvizError
from ...core.record import origin, write_whole
from ...core.version import __version__
from ...defenses.detectors import DETECTORS
from ...engine.client import Site
from . import FILE, FOLDER, Study
from ._honest import LINES, Scores
from ._honest import make as make_honest
from ._rates import caught, honest_rates
from ._scores import COLUMNS
from ._servers import NETS, largest_jitter, malicious, planted
from ._zoo import KINDS


def make(
    workers: int = 1,
    lines: int = LINES,
    nets: int = NETS,
    servers: Sequence[str] | None = None,
    folder: Path = FOLDER,
    site: Site | None = None,
) -> Study:
    """Compute what is not known yet, and write `study.json` beside the scores of honest and planted nets; what is known of servers that are not asked for stays as it was.

    Args:
        workers: processes of one thread, for the honest nets.
        lines: of honest nets, of which as many as are known already are kept.
        nets: planted ones of every server and jitter.
        servers: names; None: all of the table.
        folder: made if it is not there.
        site: folders and device; by default those of the environment, on the CPU.
    """
    site, start = site or Site(Site.from_env().data_dir, Site.from_env().cache_dir, "cpu"), time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    for name in malicious() if servers is None else servers:
        try:
            keep(name, nets, folder, site)
        except InvvizError as err:  # what fits none of these nets has no row
            sys.stderr.write(f"{name}: {err}\n")
        sys.stderr.write(f"{name}: {time.monotonic() - start:.0f} s\n")
    honest = make_honest(lines, workers, site.data_dir, folder)
    study = summary(honest, folder, time.monotonic() - start, workers)
    write_whole(folder / FILE, study.to_json())
    return study


def keep(name: str, nets: int, folder: Path, site: Site) -> None:
    """Scores of a server's nets without jitter and with the most that leaves it half of what it reads, and what it reads, as `<server>.npz`."""
    plain, jitter, left = largest_jitter(name, site)
    rows = dict.fromkeys(((0.0, plain), (jitter, left)))
    found = np.stack([planted(name, now, nets, site.data_dir) for now, _ in rows])
    np.savez_compressed(
        folder / f"{name}.npz",
        allow_pickle=False,
        scores=found,
        jitter=[now for now, _ in rows],
        read=[got for _, got in rows],
        columns=COLUMNS,
    )


def summary(honest: Scores, folder: Path, seconds: float, workers: int) -> Study:
    """The study of what is kept in a folder; scores of other columns than today's are passed over."""
    told, rows = honest_rates(honest), []
    for name in malicious():
        if not (folder / f"{name}.npz").is_file():
            continue
        with np.load(folder / f"{name}.npz", allow_pickle=False) as held:
            if tuple(map(str, held["columns"])) != COLUMNS:
                continue
            jitters, reads, scores = held["jitter"].tolist(), held["read"].tolist(), held["scores"]
        for jitter, read, score in zip(jitters, reads, scores, strict=True):
            if jitter and not reads[0]:  # half of nothing: there is no most that it could hide with
                continue
            found = {detector: caught(detector, score, told, honest) for detector in DETECTORS}
            facts = {
                "server": name,
                "title": malicious()[name].title,
                "jitter": jitter,
                "read_plain": reads[0],
                "read": read,
                "nets": len(score),
            }
            rows.append({**facts, "found": found})
    kinds = {kind: int((honest.kind == number).sum()) for number, kind in enumerate(KINDS)}
    facts = {
        **origin(f"{workers} processes of one thread", seconds),
        "invviz": __version__,
        "lines": len(np.unique(honest.line)),
        "nets": len(honest.line),
        "kinds": kinds,
    }
    return Study(facts, told, tuple(rows))
