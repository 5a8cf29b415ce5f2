"""The alternatives of words, of sentences and of cells alike: asked for where a screen shows them."""

from __future__ import annotations

import numpy as np

from ...engine.bits import Counted
from ...jobs.limits import too_dear
from ...jobs.store import Job
from ...scenario import Scenario, bits_problems
from .. import lookup, sources


def counted(now: Scenario, truth: np.ndarray) -> tuple[Counted | None, Job | None]:
    """The alternatives of the words on the screen; counted where that is not done yet."""
    if bits_problems(now) or too_dear("bits", now):
        return None, None
    found, job = lookup.counted(now, truth)
    if found is None and (job is None or job.state in ("done", "stopped", "pruned")):
        sources.ask("bits", now)
        job = lookup.jobs("bits", [now]).get(now)
    sources.join(now, job)
    return found, job
