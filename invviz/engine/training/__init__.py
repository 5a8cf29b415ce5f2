"""Utility: the accuracy that federated training reaches through a defended release."""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import ScenarioError
from ...core.lazy import torch
from ...core.types import Batch, Net
from ...core.version import __version__
from ...protocols.training import Federated
from ...scenario import Scenario, train_problems
from ..accuracy import class_scores
from ..client import Client, meet_client
from ..pretraining import kept_file, one_thread
from ..results import Event
from ._budget import ASSUMED, Spent, spent
from ._deal import Deal, split_counts
from ._messages import Round
from ._state import State
from ._vertical import VerticalRound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from ..client import Site
    from ..results import Reporter

LAST = 3  # evaluations whose mean is the accuracy: single ones jump
TESTED = 1_000  # held-out samples that an evaluation looks at, at most
KEEP_EVERY = 5.0  # seconds between two checkpoints


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """What one training reached.

    Attributes:
        scenario: in what training depends on.
        accuracy: on held-out samples, share in [0, 1]: the mean of the last three evaluations. Of a language model: of the next words, sentence by sentence.
        best: of all evaluations; the choice looks at the held-out samples, so it flatters.
        history: of every evaluation: rounds before it, accuracy, loss on held-out samples.
        counts: how many samples of each class each client holds, shape (clients, classes).
        rounds: that were trained.
        trained_on: samples that went through a gradient, counted as often as they did.
        seconds: that the rounds took, without evaluations, over all sittings; and cpu_seconds, processor time of the same.
        note: what is to be said: that it broke down, stopped early.
        data_note: about the copy of the data set.
        stopped: somebody did not want it any more.
        failed: it broke down.
    """

    scenario: Scenario
    accuracy: float
    best: float
    history: tuple[tuple[int, float, float], ...]
    counts: np.ndarray
    rounds: int
    trained_on: int
    seconds: float
    cpu_seconds: float
    note: str = ""
    data_note: str = ""
    stopped: bool = False
    failed: bool = False

    @property
    def privacy(self) -> Spent | None:
        """What the rounds that were trained spent of dp_sgd's promise; None without it.

        Raises:
            MissingExtra: Opacus is not installed.
        """
        return spent(self.scenario, self.counts, self.rounds)

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain numbers and words."""
        facts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ("scenario", "counts", "history")}
        return {
            "scenario": self.scenario.text(full=True),
            "key": self.scenario.key("train"),
            **facts,
            "history": [[r, a, loss if math.isfinite(loss) else None] for r, a, loss in self.history],
            "counts": self.counts.tolist(),
            "privacy": self.privacy.to_json() if self.privacy else None,
            "classes": self.scenario.data.num_classes,
            "version": __version__,
        }


def train(scenario: Scenario, site: Site, report: Reporter | None = None) -> Trained:
    """Train the scenario's net through its defended release, as simulated clients would.

    A training that is killed goes on from its last checkpoint when it is asked for again, to the same end.

    Args:
        scenario: attack and victim play no part.
        site: where.
        report: progress; answering False stops, and the training can be gone on with later.

    Raises:
        ScenarioError: the parts do not fit together.
        InvvizError: data missing, too few pictures for so many clients, damaged checkpoint.
    """
    if found := train_problems(scenario):
        raise ScenarioError(found)
    scenario = scenario.only("train")
    how = scenario.train
    assert isinstance(how, Federated)
    client = meet_client(scenario, site, report)
    deal, test = Deal.of(scenario, client.samples), _test_set(client)
    params = {k: p.clone().requires_grad_(True) for k, p in client.net.params.items()}
    adam = how.optimiser == "adam"
    optimiser = torch.optim.Adam(params.values(), how.lr) if adam else torch.optim.SGD(params.values(), how.lr, how.momentum)
    path = kept_file(site.cache_dir / "training", "train", scenario, client.samples)
    state, going, messages = State(params, optimiser), True, _maker(scenario, client)
    state.go_on(path, messages, site.cache_dir)
    with one_thread():
        going = _rounds(state, scenario, client, messages, deal, test, path, report)
        if going and not state.history:
            state.history.append((state.done, *_tested(_frozen(client.net, params), test, messages)))
    if going:
        path.unlink(missing_ok=True)
    return _trained(scenario, state, deal, client, stopped=not going)


def _rounds(
    state: State,
    scenario: Scenario,
    client: Client,
    messages: Round | VerticalRound,
    deal: Deal,
    test: Batch,
    path: Path,
    report: Reporter | None,
) -> bool:
    """Train to the end; False where somebody stopped it, with a checkpoint kept."""
    how: Federated = scenario.train  # type: ignore[assignment]
    start, kept, pause = time.monotonic() - state.seconds, time.monotonic(), KEEP_EVERY
    while state.done < how.rounds and not _tired(state.history, how.patience):
        began, cpu = time.perf_counter(), time.process_time()
        net = _frozen(client.net, state.params)
        chosen, places = deal.drawn(state.done)
        drawn = client.batch.like(*client.samples.public.take(places.tolist()))
        mean = messages.mean(net, chosen, drawn.private, drawn.label, state.done)
        if not all(bool(torch.isfinite(leaf).all()) for leaf in mean.values()):
            state.broken = True
            return True
        for group in state.optimiser.param_groups:
            group["lr"] = how.rate(state.done)
        for name, leaf in state.params.items():
            leaf.grad = mean[name]
        state.optimiser.step()
        state.done += 1
        state.seconds += time.perf_counter() - began
        state.cpu_seconds += time.process_time() - cpu
        if how.evaluates(state.done):
            state.history.append((state.done, *_tested(_frozen(client.net, state.params), test, messages)))
        loss = state.history[-1][2] if state.history else None
        if report and not report(Event("train", state.done, how.rounds, time.monotonic() - start, loss)):
            state.keep(path, messages)
            return False
        if time.monotonic() - kept > pause:
            began = time.monotonic()
            state.keep(path, messages)
            kept, pause = time.monotonic(), max(KEEP_EVERY, 20 * (time.monotonic() - began))  # directions may be many megabytes
    return True


def _frozen(net: Net, params: dict[str, Tensor]) -> Net:
    return dataclasses.replace(net, params={k: p.detach().clone() for k, p in params.items()})


def _tired(history: Sequence[tuple[int, float, float]], patience: int) -> bool:
    """Whether the best accuracy is that many evaluations ago."""
    scores = [score for _, score, _ in history]
    return bool(patience) and len(scores) > patience and max(scores[-patience:]) <= max(scores[:-patience])


def _test_set(client: Client) -> Batch:
    victims = client.samples.victims
    return client.batch.like(*victims.take(range(min(TESTED, len(victims)))))


def _maker(scenario: Scenario, client: Client) -> Round | VerticalRound:
    return VerticalRound(scenario, client) if scenario.protocol.sends_embedding else Round(scenario, client)


def _tested(net: Net, test: Batch, messages: Round | VerticalRound) -> tuple[float, float]:
    """Share that the net has right of held-out samples, and its mean loss on them; embeddings of these are sent through the defense, too."""
    with torch.no_grad():
        outputs = messages.tested(net, test) if isinstance(messages, VerticalRound) else class_scores(net, test)
        seen = test.pieces([len(outputs)])[0]
        return float(net.task.hits(outputs, net.task.wanted(seen)).mean()), float(net.task.loss_of(outputs, seen))


def _trained(scenario: Scenario, state: State, deal: Deal, client: Client, stopped: bool) -> Trained:
    how: Federated = scenario.train  # type: ignore[assignment]
    scores = [score for _, score, _ in state.history] or [math.nan]
    note = ""
    if state.broken:
        note = f"Training broke down in round {state.done + 1}: a message was not finite. The accuracy is that of the rounds before."
    elif not stopped and state.done < how.rounds:
        note = f"Stopped early after {state.done:,} of {how.rounds:,} rounds: {how.patience} evaluations without a better accuracy."
    return Trained(
        scenario=scenario,
        accuracy=float(np.mean(scores[-LAST:])),
        best=max(scores),
        history=tuple(state.history),
        counts=deal.counts(scenario.data.num_classes),
        rounds=state.done,
        trained_on=state.done * how.present * scenario.batch * getattr(scenario.protocol, "local_steps", 1),
        seconds=round(state.seconds, 3),
        cpu_seconds=round(state.cpu_seconds, 3),
        note=note,
        data_note=client.note,
        stopped=stopped,
        failed=state.broken,
    )


__all__ = ["ASSUMED", "Deal", "Round", "Spent", "Trained", "VerticalRound", "spent", "split_counts", "train"]
