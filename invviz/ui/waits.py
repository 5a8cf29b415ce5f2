"""Where a job is, in words."""

from __future__ import annotations

from ..core.remaining import ENDS_EARLY, FOLLOWED, in_words
from ..jobs.store import Job


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
    step = {"weights": "training, epoch", "attack": "step"}.get(job.phase, job.phase)
    return f"{step} {job.done:,} of {job.total:,}{_left(job, ', ')}"


def could_not(job: Job, words: str) -> str:
    """Why there is no result: because its work failed, said in these words, or because what was stored is damaged."""
    return job.error if job.damaged else f"{words}: {job.error}"


def waiting(job: Job | None, what: str) -> str:
    """Where a job is, in whole sentences."""
    if job is None:
        return f"The {what} has not been asked for."
    if job.state == "queued":
        return f"Waiting: number {job.position} in line." + (" A worker died; trying again." if job.attempts > 1 else "")
    if job.state == "failed":
        return could_not(job, f"The {what} could not be computed")
    if not job.total:
        return "Starting ..."
    phase = {
        "weights": "training the net, epoch",
        "train": "federated training, round",
        "spectrum": "measuring the Jacobian,",
        "sketch": "sketching the Jacobian,",
        "curvature": "measuring curvature,",
        "ladder": "trying other strengths,",
        "solved": "solving for the noise,",
        "attack": "step",
    }.get(job.phase, job.phase)
    return f"{phase} {job.done:,} of {job.total:,}{_left(job, ' · ')}" + (f" · start {job.restart + 1}" if job.restart else "")


def _left(job: Job, before: str) -> str:
    """How long it still takes, where that is known. A search may end long before its steps are used up, and a net is trained for something that comes after it."""
    if job.done >= job.total:
        return f"{before}finishing ..."
    if job.eta is None:
        return ""
    most = "at most " if job.phase in ENDS_EARLY else "about "
    return f"{before}{most}{in_words(job.eta)} left{' of this part' if job.phase in FOLLOWED else ''}"
