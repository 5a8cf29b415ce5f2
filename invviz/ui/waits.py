"""Where a job is, in words."""

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


def waiting(job: Job | None, what: str) -> str:
    """Where a job is, in whole sentences."""
    if job is None:
        return f"The {what} has not been asked for."
    if job.state == "queued":
        return f"Waiting: number {job.position} in line." + (" A worker died; trying again." if job.attempts > 1 else "")
    if job.state == "failed":
        return f"The {what} could not be computed: {job.error}"
    if not job.total:
        return "Starting ..."
    phase = {
        "weights": "training the net, epoch",
        "train": "federated training, round",
        "spectrum": "measuring the Jacobian,",
        "trust": "measuring curvature,",
        "ladder": "trying other strengths,",
        "attack": "step",
    }.get(job.phase, job.phase)
    left = f" · {job.eta:.0f} s left" if job.eta is not None else ""
    return f"{phase} {job.done:,} of {job.total:,}{left}" + (f" · start {job.restart + 1}" if job.restart else "")
