"""Where a job is, in a few words."""

from __future__ import annotations

from ..store import Job


def waits(job: Job | None) -> str:
    """Where a job is, in a few words."""
    if job is None:
        return ""
    if job.state == "queued":
        return f"in line: {job.position}"
    if job.state == "failed":
        return "failed, see below"
    if job.state != "running":
        return ""
    if job.stopping:
        return "stopping ..."
    if not job.total:
        return "starting ..."
    left = f", {job.eta:.0f} s left" if job.eta is not None and job.eta >= 1 else ""
    step = {"weights": "training, epoch", "attack": "step"}.get(job.phase, job.phase)
    return f"{step} {job.done:,} of {job.total:,}{left}"
