"""The only place where victim, server and attacker meet: a scenario goes in, a result comes out."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import TYPE_CHECKING

import numpy as np

from ..core.even import stride
from ..core.lazy import torch
from ..core.rng import stream
from ..core.types import Reconstruction
from ..metrics import PSNR, match
from ..scenario import Scenario, check
from ._verdict import unreadable, verdict
from .baseline import baseline_of
from .client import Client, Site, meet_client
from .observe import misled, observe
from .reconstruct import reconstruct
from .results import Event, Reporter, Result, score

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Release, Step

FRAME_EVERY = 0.2  # seconds after which a frame is scored and shown, also where none is due by its step
TIMED = 3  # releases that are timed; the fastest counts


def run(
    scenario: Scenario, site: Site, report: Reporter | None = None, picture: np.ndarray | None = None, client: Client | None = None
) -> Result:
    """Attack one scenario.

    Args:
        scenario: what to compute.
        site: where.
        report: called several times a second; answering False stops the attack, which then hands over its best so far.
        picture: an uploaded picture, shape (c, h, w), if the scenario names one.
        client: whose message is attacked; None for the scenario's own victim.

    Returns:
        Scores per sample, samples inside the bounds of their modality with guesses in the order of their truths, and what the attacker was given.

    Raises:
        ScenarioError: the parts do not fit together.
        InvvizError: data or upload missing.
    """
    check(scenario)
    client = client or meet_client(scenario, site, report, picture)
    obs = observe(scenario, client)
    release_ms = {"bare": _milliseconds(client, client.bare), "defended": _milliseconds(client, client.release)}
    truth, kind = _numpy(client.batch.private), scenario.data.modality
    start = time.monotonic()
    last, span, steps, ended = -math.inf, -1, 0, None

    def progress(step: Step) -> bool:
        nonlocal last, span, steps, ended
        steps, ended = steps + (ended is None or ended.number != step.number), step  # within a long step it only asks
        now = time.monotonic()
        if report is None:
            return True
        fresh = step.number // stride(step.number) > span // stride(step.number)
        frame = _numpy(step.guess).clip(*kind.bounds) if not kind.discrete and (fresh or now - last >= FRAME_EVERY) else None
        if frame is not None:
            last, span = now, step.number
            frame = frame[match(frame, truth)]
        psnr = None if frame is None else _psnr(kind.unit(frame), kind.unit(truth))
        return report(Event("attack", step.number, step.total, now - start, step.loss, psnr, frame, step.restart))

    solves, stopped = scenario.attack.solves, False
    if scenario.server.steers:
        client, stopped = misled(scenario, client, progress)
        obs = observe(scenario, client)
    if unreadable(obs):
        found = Reconstruction(obs.template.at(obs.grey), math.inf)
    else:
        found, solves = reconstruct(scenario, obs, progress)
    found = dataclasses.replace(found, stopped=found.stopped or stopped)
    seconds = time.monotonic() - start
    found = verdict(scenario, client, obs, found, solves)
    guess = kind.settled(_numpy(found.batch.private))
    order = match(guess, truth)
    if len(guess) > len(truth):
        kept = "the guess" if len(truth) == 1 else f"the {len(truth)} guesses"
        said = f"The sum was read as one batch of {len(guess)}; shown and scored: {kept} nearest to the victim's, which no attacker can tell from the others'."
        found = dataclasses.replace(found, note=f"{said} {found.note}".strip())
    labels = found.batch.label.argmax(1) if found.batch.label.ndim == 2 else found.batch.label
    if report is not None and ended is not None:  # the way ends at the answer, which need not be the last guess
        report(
            Event(
                "attack",
                ended.number,
                ended.total,
                seconds,
                found.loss,
                None if kind.discrete else _psnr(kind.unit(guess[order]), kind.unit(truth)),
                None if kind.discrete else guess[order],
                ended.restart,
            )
        )
    scores, absent = score(kind.unit(guess[order]), kind.unit(truth), scenario.columns, kind)
    return Result(
        scenario=scenario,
        scores=scores,
        absent=absent,
        guess=guess[order],
        truth=truth,
        labels=_numpy(client.batch.label),
        guessed_labels=_numpy(labels)[order],
        certainty=None if found.certainty is None else _numpy(found.certainty)[order],
        loss=found.loss,
        trace=found.trace,
        seconds=seconds,
        steps=steps,
        device=str(client.batch.private.device),
        given=obs.knowledge.words(),
        threat_model=obs.knowledge.threat_model(),
        note=found.note,
        failed=found.failed,
        stopped=found.stopped,
        data_note=client.note,
        accuracy=client.accuracy,
        baseline=baseline_of(scenario, truth, site.data_dir) if kind.grid else None,
        release_ms=release_ms,
    )


def _milliseconds(client: Client, release: Release) -> float:
    """What making the message takes of one core, or of the clock on a GPU, whatever else the machine does; the machine is warm, since one has been made before.

    On a processor it is made by this thread alone: a thread's clock does not count what others do for it.
    """
    cuda, best, threads = client.batch.private.is_cuda, math.inf, torch.get_num_threads()
    clock = time.perf_counter if cuda else time.thread_time
    torch.set_num_threads(1)
    try:
        for _ in range(TIMED):
            start = clock()
            release(client.net, client.batch, stream(0, "timing"))
            if cuda:
                torch.cuda.synchronize()
            best = min(best, 1e3 * (clock() - start))
            if best > 200:
                break
    finally:
        torch.set_num_threads(threads)
    return best


def _psnr(guess: np.ndarray, truth: np.ndarray) -> float:
    return float(PSNR().score(guess, truth).mean())


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


__all__ = ["run"]
