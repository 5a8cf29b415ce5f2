"""The shared net of a scenario: fresh weights, or weights trained once on public pictures and kept."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import tensors
from ..core.errors import DISK_FULL
from ..core.lazy import torch
from ..core.modality import PICTURE, Modality
from ..core.rng import derive, stream
from ..core.task import CLASSIFICATION, Task
from ..core.types import Batch, Net
from ..defenses import Penalties
from ..scenario import Scenario, former_key
from .accuracy import AT_ONCE

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..datasets._base import Pictures, Samples

TrainReport = Callable[[int, int, float], bool]
"""Called after every epoch with (done, total, mean loss); answering False stops the training."""

MAX_PUBLIC = 60_000  # pictures that training looks at in one epoch
CHUNK = 64


class TrainingStopped(Exception):
    """The person who asked for trained weights does not want them any more."""


def build_net(scenario: Scenario, samples: Samples, cache_dir: Path, report: TrainReport | None = None) -> tuple[Net, float | None]:
    """The net that server and clients share.

    Args:
        scenario: names model, initial weights, seed, and defenses that act in training.
        samples: its data set; only the public part is used.
        cache_dir: where trained weights are kept, one file per data set, model, seed and defenses that act in training.
        report: progress of a training.

    Returns:
        The net in the scenario's precision, and its accuracy on private pictures where it was trained (else None).

    Raises:
        TrainingStopped: `report` answered False.
    """
    module = scenario.protocol.assemble(scenario.model, scenario.data.shape, scenario.data.num_classes, scenario.seed)
    reached = _trained(module, scenario, samples, cache_dir, report) if scenario.model.init == "trained" else None
    scenario.model.freeze(module)
    return Net.of(module.to(getattr(torch, scenario.dtype)), scenario.model.task), reached


def _trained(module: nn.Module, scenario: Scenario, samples: Samples, cache_dir: Path, report: TrainReport | None) -> float:
    path = kept_file(cache_dir / "weights", "weights", scenario, samples)
    with _alone(path.with_suffix(".lock"), scenario.model.epochs, report):
        if not path.is_file():
            how = scenario.model
            train(
                module,
                samples.public,
                how.epochs,
                how.train_lr,
                scenario.seed,
                report,
                Penalties(scenario.defense.in_training.live, scenario.seed),
                how.task,
                scenario.data.modality,
            )
            reached = evaluate(module, samples.victims, task=how.task, kind=scenario.data.modality)
            if not tensors.keep({"state": module.state_dict(), "accuracy": reached}, path):
                return reached
        os.utime(path)  # it is used, and not what goes first where room is made
        try:
            return _put(module, tensors.load(path))
        except ValueError as err:
            raise tensors.damaged(path, cache_dir, "The trained weights", str(err)) from err


def _put(module: nn.Module, kept: Any) -> float:
    """Put kept weights into a net, and answer its accuracy.

    Raises:
        ValueError: they are not of this net.
    """
    own = module.state_dict()  # of the same net cut elsewhere: other names, the same order
    try:
        if not isinstance(kept, dict):
            raise TypeError
        found, reached = list(kept["state"].values()), float(kept["accuracy"])
        if [leaf.shape for leaf in found] != [leaf.shape for leaf in own.values()]:
            raise ValueError
        module.load_state_dict(dict(zip(own, found, strict=True)))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError) as err:
        raise ValueError("what they hold is not of this net") from err
    return reached


def kept_file(folder: Path, kind: str, scenario: Scenario, samples: Samples) -> Path:
    """Where a net of a scenario is kept, or would be; one that has the name of then is given today's.

    Args:
        folder: of such files.
        kind: "weights" or "train".
        scenario: what the net depends on.
        samples: its data set, of which there may be several copies.
    """
    path, old = (folder / f"{key}-{copy_of(samples)}.pt" for key in (scenario.key(kind), former_key(kind, scenario)))
    if not path.is_file():
        with contextlib.suppress(OSError):
            os.rename(old, path)
    return path


def copy_of(samples: Samples) -> str:
    """Which copy of a data set this is: a cut-down one gives other weights than the whole."""
    first = samples.public.take(range(min(8, len(samples.public))))[0]
    text = f"{len(samples.public)}/{len(samples.victims)}/{hashlib.sha256(first.tobytes()).hexdigest()}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@contextlib.contextmanager
def _alone(lock: Path, epochs: int, report: TrainReport | None) -> Iterator[None]:
    """One process trains a net at a time; the others wait for it. The lock ends with its process, however that ends."""
    try:
        import fcntl
    except ImportError:  # Windows: two processes may train the same net at once, which costs time and nothing else
        yield
        return
    with contextlib.ExitStack() as open_files:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            file = open_files.enter_context(lock.open("w"))
        except OSError as err:
            if err.errno not in DISK_FULL:
                raise
            yield  # as where there are no locks
            return
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if report and not report(0, epochs, math.nan):
                    raise TrainingStopped from None
                time.sleep(0.2)
        yield


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order, so that the same weights come out whoever trains them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def train(
    module: nn.Module,
    public: Pictures,
    epochs: int,
    lr: float,
    seed: int,
    report: TrainReport | None = None,
    penalties: Penalties | None = None,
    task: Task = CLASSIFICATION,
    kind: Modality = PICTURE,
) -> None:
    """Train with Adam, a one-cycle schedule and random mirroring, in place.

    Args:
        module: with fresh weights; where there are penalties, a joint net with `bottoms`.
        public: pictures and labels.
        epochs: passes over them.
        lr: largest learning rate.
        seed: of the order, of mirroring and of what the module draws.
        report: progress.
        penalties: of defenses that act in training, added to the loss.
        task: whose loss goes down.
        kind: of the samples.

    Raises:
        TrainingStopped: `report` answered False.
    """
    chosen = np.random.default_rng(derive(seed, "training order"))
    size = min(len(public), MAX_PUBLIC)
    rng = stream(seed, "mirror")
    optimiser = torch.optim.Adam(module.parameters(), lr=lr)
    steps = -(-size // CHUNK)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=lr, total_steps=max(2, epochs * steps))
    with one_thread(), torch.random.fork_rng(devices=[]), _overheard(module if penalties else None) as embedded:
        torch.manual_seed(derive(seed, "training"))  # dropout and the like draw from the global generator
        for epoch in range(epochs):
            module.train()
            order, total = chosen.permutation(len(public))[:size], 0.0
            for start in range(0, size, CHUNK):
                image, label = (torch.as_tensor(a) for a in public.take(order[start : start + CHUNK].tolist()))
                if image.ndim == 4 and image.shape[1] == 3 and torch.rand((), generator=rng) < 0.5:
                    image = image.flip(-1)  # whole chunks; grey sets hold digits, which must not be mirrored
                embedded.clear()
                loss = task.loss_of(module(image), Batch({kind.private[0]: image}, {"label": label}, kind))
                if penalties:
                    loss = loss + penalties(*zip(*embedded, strict=True))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                total += float(loss.detach()) * len(label)
            if report and not report(epoch + 1, epochs, total / size):
                raise TrainingStopped
    module.eval()


@contextlib.contextmanager
def _overheard(joint: nn.Module | None) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """A list that holds what each bottom net was given and what it made of that, after every pass through the joint net."""
    found: list[tuple[Tensor, Tensor]] = []
    bottoms = joint.get_submodule("bottoms").children() if joint else ()

    def hear(_: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        found.append((given[0], made))

    hooks = [bottom.register_forward_hook(hear) for bottom in bottoms]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def evaluate(module: nn.Module, pictures: Pictures, most: int = 1_000, task: Task = CLASSIFICATION, kind: Modality = PICTURE) -> float:
    """Share of what the task counts as right, among the first `most`."""
    count, net, hits = min(most, len(pictures)), Net(module.eval(), dict(module.named_parameters()), task), []
    for start in range(0, count, AT_ONCE):  # large ones are not held all at once
        image, label = (torch.as_tensor(a) for a in pictures.take(range(start, min(start + AT_ONCE, count))))
        hits.append(task.right(net, Batch({kind.private[0]: image}, {"label": label}, kind)))
    return float(torch.cat(hits).mean()) if count else 0.0
