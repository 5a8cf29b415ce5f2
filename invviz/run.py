"""The only place where victim, server and attacker meet: a scenario goes in, a result comes out."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import aware
from . import rounds as several
from .attacks import MaliciousAttack
from .core.errors import DataMissing, UploadError
from .core.lazy import torch
from .core.rng import stream
from .core.tree import map_tree
from .core.types import Batch, Knowledge, Net, Observation, World
from .datasets import DATASETS, digest, pictures_like
from .metrics import PSNR, match
from .party import Party
from .results import Event, Report, Result, score
from .risk import moved, together
from .scenario import Scenario, check
from .weights import build_net

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from .core.types import Progress, Reconstruction, Release, Step
    from .datasets import Samples
    from .defenses import Defense

FRAME_EVERY = 0.2  # seconds between two frames that are scored and shown
PUBLIC = 2_000  # public pictures that a defense is given, at most ...
PUBLIC_NUMBERS = 50_000_000  # ... and numbers in them
TIMED = 3  # releases that are timed; the fastest counts


@dataclasses.dataclass(frozen=True)
class Site:
    """Where a scenario is computed: folders and device."""

    data_dir: Path | None
    cache_dir: Path
    device: str = "auto"

    @classmethod
    def from_env(cls, store: str | None = None, data_dir: str | None = None) -> Site:
        """INVVIZ_STORE (default ~/.invviz) and INVVIZ_DATA, unless they are given."""
        data = data_dir or os.environ.get("INVVIZ_DATA")
        cache = store or os.environ.get("INVVIZ_STORE") or Path.home() / ".invviz"
        return cls(Path(data).expanduser() if data else None, Path(cache).expanduser())

    def torch_device(self) -> str:
        """The device in torch's words; `auto` takes a GPU where there is one."""
        return ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device


@dataclasses.dataclass(frozen=True, eq=False)
class Client:
    """The victim's side of a scenario: net, private batch, and the release before and after the defenses."""

    net: Net
    batch: Batch
    bare: Release
    release: Release
    samples: Samples
    accuracy: float | None
    world: World
    similar: Tensor | None = None  # public pictures of another data set of the same kind, where the attacker has those

    @property
    def note(self) -> str:
        """What is to be said about the copy of the data set."""
        return self.samples.note


def meet_client(scenario: Scenario, site: Site, report: Report | None = None, picture: np.ndarray | None = None) -> Client:
    """Load the data, build or train the net, and wrap the release in its defenses.

    Args:
        scenario: checked parts.
        site: folders and device.
        report: progress of a training of weights, if there is one.
        picture: the uploaded picture that the scenario names by its digest, shape (c, h, w) in [0, 1].

    Raises:
        InvvizError: data missing, index too large, or an upload that is not the one named.
    """
    start = time.monotonic()
    samples = scenario.data.load(site.data_dir)
    images, labels = scenario.data.victims(samples, scenario.batch)
    on_epoch = lambda done, total, loss: report is None or report(Event("weights", done, total, time.monotonic() - start, loss))  # noqa: E731
    net, accuracy = build_net(scenario, samples, site.cache_dir, on_epoch)
    device, dtype = site.torch_device(), getattr(torch, scenario.dtype)
    net = Net.of(net.module.to(device))
    if scenario.upload:
        images[0] = _uploaded(scenario, picture)
    images = scenario.protocol.part(images)
    batch = Batch.of(torch.as_tensor(images, dtype=dtype, device=device), torch.as_tensor(labels, device=device))
    bare, world = scenario.protocol.release, world_of(scenario, net, batch, samples)
    others = similar_pictures(scenario, batch, site.data_dir) if scenario.attack.wants().similar else None
    return Client(net, batch, bare, defended(scenario, bare, scenario.defense, world), samples, accuracy, world, others)


def wrapped(release: Release, defenses: Sequence[Defense], world: World) -> Release:
    """A release in its defenses, the first one innermost."""
    for defense in defenses:
        release = defense.wrap(release, world)
    return release


def defended(scenario: Scenario, bare: Release, defenses: Sequence[Defense], world: World) -> Release:
    """The bare release in its defenses; of several parties, each of which defends its own message, theirs side by side."""
    return together([wrapped(one, defenses, world) for one in scenario.apart]) if scenario.apart else wrapped(bare, defenses, world)


def world_of(scenario: Scenario, net: Net, batch: Batch, samples: Samples) -> World:
    """What defenses may use beside the batch; public pictures only where one of them needs some, evenly spread over those that there are."""
    if not any(d.uses_public or d.coloured for d in scenario.defense):  # what coloured noise costs is told by public pictures, too
        return World.without_public(net, batch)
    return World(net, *public_pictures(scenario, batch, samples))


def public_pictures(scenario: Scenario, batch: Batch, samples: Samples) -> tuple[Tensor, Tensor]:
    """Public pictures, or the party's part of them, with their labels, as those of the batch are."""
    public = samples.public
    count = min(len(public), PUBLIC, PUBLIC_NUMBERS // batch.image[0].numel())
    image, label = public.take(np.linspace(0, len(public) - 1, count).astype(int).tolist())
    return torch.as_tensor(scenario.protocol.part(image)).to(batch.image), torch.as_tensor(label, device=batch.image.device)


def similar_pictures(scenario: Scenario, batch: Batch, data_dir: Path | None) -> Tensor:
    """Public pictures of another data set of the same kind, or the party's part of them, as those of the batch are.

    Raises:
        DataMissing: that set is not on this machine; says what else to do.
    """
    data, other = scenario.data, DATASETS[scenario.data.similar]()
    try:
        found = pictures_like(other, data.shape, data_dir, min(PUBLIC, PUBLIC_NUMBERS // batch.image[0].numel()))
    except DataMissing as err:
        raise DataMissing(
            f"For {data.name}, similar pictures are those of {other.name}. {err} Or train on the same data set or on drawn pictures."
        ) from None
    return torch.as_tensor(scenario.protocol.part(found)).to(batch.image)


def _uploaded(scenario: Scenario, picture: np.ndarray | None) -> np.ndarray:
    if picture is None:
        raise UploadError(
            "This scenario names an uploaded picture. Uploads are kept in memory only and are gone by now: upload the picture again."
        )
    if picture.shape != scenario.data.shape or digest(picture) != scenario.upload:
        raise UploadError("The uploaded picture is not the one that the scenario names, or has another size: upload it again.")
    return picture


def observe(scenario: Scenario, client: Client) -> Observation:
    """What the server hands to the attacker: copies, and nothing from which the batch could be reached.

    Of several rounds the messages lie side by side, each from the net of its round and with its own draw of the defenses.
    """
    knowledge = _knowledge(scenario)
    rng = stream(scenario.seed, "defense")
    world = client.world if knowledge.weights else dataclasses.replace(client.world, net=aware.stranger(scenario, client.net))
    obs = _overhears(scenario, client, knowledge, world, [d for d in scenario.defense if d.alters_net])

    def told(net: Net, shift: Mapping[str, Tensor]) -> dict[str, Any]:
        message = map_tree(lambda leaf: leaf.detach().clone(), client.release(net, client.batch, rng))
        if scenario.attacker == "aware" and scenario.defense:
            return aware.told(scenario, client.bare, dataclasses.replace(world, net=moved(world.net, shift)), message, obs.template)
        return {"message": message, "release": obs.release}

    shifts = moves(scenario, client)
    rounds = [told(moved(client.net, shift), shift) for shift in shifts]
    found = rounds[0] if len(rounds) == 1 else several.joined(rounds, shifts)
    if knowledge.crowd:
        found["crowd"] = party_of(scenario, client).crowd()
    return dataclasses.replace(obs, **found)


def moves(scenario: Scenario, client: Client) -> list[dict[str, Tensor]]:
    """How far the net has moved by each round, for attacks and risk alike."""
    return several.moves(scenario, client.net, client.batch, client.samples)


def _knowledge(scenario: Scenario) -> Knowledge:
    knowledge = dataclasses.replace(scenario.attack.wants(), rounds=scenario.rounds)
    if getattr(scenario.protocol, "local_steps", 1) > 1:
        knowledge = dataclasses.replace(knowledge, training=True)  # simulating the update takes the number of steps and their rate
    if scenario.protocol.sends_embedding:
        knowledge = dataclasses.replace(knowledge, labels=False)  # they play no part
    if scenario.attacker == "aware" and scenario.defense:
        knowledge = knowledge.of_defense(public=any(d.uses_public for d in scenario.defense))
    return knowledge


def _overhears(scenario: Scenario, client: Client, knowledge: Knowledge, world: World, believed: Sequence[Defense]) -> Observation:
    """What an attacker has before any message: `world` holds the net as it knows it, `believed` are the defenses that it simulates."""
    label = client.batch.label.clone() if knowledge.labels else torch.zeros_like(client.batch.label)
    return Observation(
        message={},
        net=world.net,
        release=defended(scenario, client.bare, believed, world),
        template=Batch.of(torch.zeros_like(client.batch.image), label),
        knowledge=knowledge,
        num_classes=scenario.data.num_classes,
        public=_public(scenario, client, knowledge),
    )


def _public(scenario: Scenario, client: Client, knowledge: Knowledge) -> Tensor | None:
    """The public pictures that an attacker has."""
    if knowledge.similar:
        return client.similar
    return public_pictures(scenario, client.batch, client.samples)[0] if knowledge.public_data else None


def party_of(scenario: Scenario, client: Client) -> Party:
    """The client as a party of vertical FL that has other private pictures, too."""
    wrap = lambda net: defended(scenario, client.bare, scenario.defense, dataclasses.replace(client.world, net=net))  # noqa: E731
    return Party(scenario, client.samples, client.net, client.batch, client.bare, wrap)


def _mislead(scenario: Scenario, client: Client, attack: MaliciousAttack, progress: Progress) -> tuple[Observation, Reconstruction]:
    """A malicious server first goes through training rounds with the party; the victim's message then comes from the net that this has made."""
    knowledge, stranger = _knowledge(scenario), aware.stranger(scenario, client.net)
    believed = [d for d in scenario.defense if d.alters_net or knowledge.defense]
    before = _overhears(scenario, client, knowledge, dataclasses.replace(client.world, net=stranger), believed)
    talk = attack.converse(before, stream(scenario.seed, "attack"))
    net, read, stopped = party_of(scenario, client).obey(attack, talk, progress)
    world = dataclasses.replace(client.world, net=net)
    release = defended(scenario, client.bare, scenario.defense, world)
    obs = observe(scenario, dataclasses.replace(client, net=net, world=world, release=release))
    return obs, dataclasses.replace(read(obs), stopped=stopped)


def run(scenario: Scenario, site: Site, report: Report | None = None, picture: np.ndarray | None = None) -> Result:
    """Attack one scenario.

    Args:
        scenario: what to compute.
        site: where.
        report: called several times a second; answering False stops the attack, which then hands over its best so far.
        picture: an uploaded picture, shape (c, h, w), if the scenario names one.

    Returns:
        Scores per sample, pictures in [0, 1] with guesses in the order of their truths, and what the attacker was given.

    Raises:
        ScenarioError: the parts do not fit together.
        InvvizError: data or upload missing.
    """
    check(scenario)
    client = meet_client(scenario, site, report, picture)
    obs = observe(scenario, client)
    release_ms = {"bare": _milliseconds(client, client.bare), "defended": _milliseconds(client, client.release)}
    truth = _numpy(client.batch.image)
    start = time.monotonic()
    last, steps = -math.inf, 0

    def progress(step: Step) -> bool:
        nonlocal last, steps
        steps += 1
        now = time.monotonic()
        if report is None:
            return True
        frame = _numpy(step.guess).clip(0, 1) if now - last >= FRAME_EVERY else None
        if frame is not None:
            last = now
            frame = frame[match(frame, truth)]
        psnr = None if frame is None else float(PSNR().score(frame, truth).mean())
        return report(Event("attack", step.number, step.total, now - start, step.loss, psnr, frame, step.restart))

    if isinstance(scenario.attack, MaliciousAttack):
        obs, found = _mislead(scenario, client, scenario.attack, progress)
    else:
        found = scenario.attack.reconstruct(obs, stream(scenario.seed, "attack"), progress)
    seconds = time.monotonic() - start
    raw = _numpy(found.batch.image)
    guess = np.nan_to_num(raw, nan=0.5, posinf=1.0, neginf=0.0).clip(0, 1)
    order = match(guess, truth)
    labels = found.batch.label.argmax(1) if found.batch.label.ndim == 2 else found.batch.label
    scores, absent = score(guess[order], truth, scenario.columns)
    return Result(
        scenario=scenario,
        scores=scores,
        absent=absent,
        guess=guess[order],
        truth=truth,
        labels=_numpy(client.batch.label),
        guessed_labels=_numpy(labels)[order],
        loss=found.loss,
        trace=found.trace,
        seconds=seconds,
        steps=steps,
        device=str(client.batch.image.device),
        given=obs.knowledge.words(),
        threat_model=obs.knowledge.threat_model(),
        note=found.note,
        failed=found.failed,
        stopped=found.stopped,
        data_note=client.note,
        accuracy=client.accuracy,
        release_ms=release_ms,
    )


def _milliseconds(client: Client, release: Release) -> float:
    """What making the message takes; on a warmed-up machine, since one has been made before."""
    best = math.inf
    for _ in range(TIMED):
        start = time.perf_counter()
        release(client.net, client.batch, stream(0, "timing"))
        if client.batch.image.is_cuda:
            torch.cuda.synchronize()
        best = min(best, 1e3 * (time.perf_counter() - start))
        if best > 200:
            break
    return best


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


__all__ = ["Client", "Event", "Report", "Result", "Site", "meet_client", "moves", "observe", "run", "world_of", "wrapped"]
