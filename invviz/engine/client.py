"""The victim's side of a scenario: what a client holds, what it sends, and where all of that is computed."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import DataMissing, UploadError
from ..core.lazy import torch
from ..core.received import Received
from ..core.rng import stream
from ..core.types import Batch, Net, World
from ..datasets import DATASETS, digest, pictures_like
from ..risk import joint_release
from .pretraining import build_net
from .results import Event
from .sums import held_by_others, sent, summed

if TYPE_CHECKING:
    from torch import Tensor

    from ..core.types import Release
    from ..datasets import Samples
    from ..defenses import Stack
    from ..scenario import Scenario
    from .results import Reporter

PUBLIC = 2_000  # public pictures that a defense is given, at most ...
PUBLIC_NUMBERS = 50_000_000  # ... and numbers in them


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
    previous: Net | None = None  # the net of the round before, which an honest server sent
    others: tuple[Client, ...] = ()  # those whose messages the server sees only together with this one's

    def with_net(self, net: Net, scenario: Scenario) -> Client:
        """The same client, who was sent another net: what its defenses make of the message is made anew.

        Args:
            net: any that takes the batch; fresh, trained, or what a server that is not honest made of it.
            scenario: names the defenses.
        """
        world = dataclasses.replace(self.world, net=net)
        own = sent(scenario, defended(scenario, self.bare, scenario.defense, world))
        release = summed(scenario, [own, *(one.fixed for one in self.others)]) if self.others else own
        return dataclasses.replace(self, net=net, world=world, release=release, accuracy=None)

    def received(self, scenario: Scenario) -> Received:
        """What it can look at before it answers; `release` is its own message, whatever the server sees of it."""
        net = dataclasses.replace(self.net, plan=None)
        return Received(net, self.previous, self.batch, self.alone(scenario), tuple(one.net.digest for one in self.others))

    def alone(self, scenario: Scenario) -> Release:
        """Its own message in its defenses, as it goes into what the server sees."""
        world = dataclasses.replace(self.world, net=dataclasses.replace(self.net, plan=None))
        return sent(scenario, defended(scenario, self.bare, scenario.defense, world))

    @property
    def fixed(self) -> Release:
        """Its message from its own net and batch, whatever it is asked with."""
        return lambda net, batch, rng: self.release(self.net, self.batch, rng)

    @property
    def note(self) -> str:
        """What is to be said about the copy of the data set."""
        return self.samples.note


def meet_client(scenario: Scenario, site: Site, report: Reporter | None = None, picture: np.ndarray | None = None) -> Client:
    """Load the data, build or train the net, let the server send it or another one, and wrap the release in its defenses.

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
    net = Net.of(net.module.to(device), net.task)
    if scenario.upload:
        images[0] = _uploaded(scenario, picture)
    images = scenario.protocol.part(images)
    batch = batch_of(scenario, images, labels, samples, dtype, device)
    bare, world = scenario.protocol.release, world_of(scenario, net, batch, samples)
    others = similar_pictures(scenario, batch, site.data_dir) if scenario.attack.wants().similar else None
    client = Client(net, batch, bare, defended(scenario, bare, scenario.defense, world), samples, accuracy, world, others, net)
    return _served(scenario, client) if scenario.server.plants or scenario.aggregation.alters else client


def _served(scenario: Scenario, client: Client) -> Client:
    """The client as a server meets it that plants nets, or sees messages of several clients as one; those others hold other private samples."""
    server, shown = scenario.server, World.without_public(client.net, client.batch)
    count = len(scenario.aggregation.members(scenario.rounds)) - 1
    if server.uses_public:
        shown = World(client.net, *public_pictures(scenario, client.batch, client.samples))
    shown = dataclasses.replace(shown, batch_size=scenario.batch)
    first, *rest = server.plant(client.net, shown, 1 + count, stream(scenario.seed, "server"))
    others = []
    for index, net in zip(held_by_others(scenario, len(client.samples.victims)), rest, strict=True):
        theirs = scenario.replace(data=scenario.data.replace(index=index))
        images, labels = theirs.data.victims(client.samples, scenario.batch)
        batch = batch_of(
            theirs, scenario.protocol.part(images), labels, client.samples, client.batch.private.dtype, str(client.batch.private.device)
        )
        world = dataclasses.replace(client.world, net=net)
        release = sent(scenario, defended(scenario, client.bare, scenario.defense, world))
        others.append(dataclasses.replace(client, net=net, batch=batch, world=world, release=release, accuracy=None))
    accuracy = None if server.malicious else client.accuracy
    found = dataclasses.replace(client, others=tuple(others)).with_net(first, scenario)
    return dataclasses.replace(found, accuracy=accuracy)


def batch_of(scenario: Scenario, private: np.ndarray, labels: np.ndarray, samples: Samples, dtype: torch.dtype, device: str) -> Batch:
    """The victims' batch: what is private of them, what everybody knows, and their labels.

    Args:
        scenario: names the data set.
        private: of the victims, (b, ...) in the bounds of their modality.
        labels: theirs, (b,).
        samples: where they come from.
        dtype: of what is private and no words, and of all numbers that everybody knows.
        device: where to.
    """
    kind = scenario.data.modality
    inputs = {kind.private[0]: torch.as_tensor(private, dtype=None if kind.discrete else dtype, device=device)}
    for name, known in scenario.data.beside(samples, scenario.batch).items():
        inputs[name] = torch.as_tensor(known, dtype=dtype if known.dtype.kind == "f" else None, device=device)
    return Batch(inputs, {"label": torch.as_tensor(labels, device=device)}, kind)


def defended(scenario: Scenario, bare: Release, stack: Stack, world: World) -> Release:
    """The bare release in its defenses; of several parties, each of which defends its own message, theirs side by side."""
    return joint_release([stack.wrap(one, world) for one in scenario.apart]) if scenario.apart else stack.wrap(bare, world)


def world_of(scenario: Scenario, net: Net, batch: Batch, samples: Samples) -> World:
    """What defenses may use beside the batch; public pictures only where one of them needs some, evenly spread over those that there are."""
    if not scenario.defense.shown_public:
        return World.without_public(net, batch)
    return World(net, *public_pictures(scenario, batch, samples))


def public_pictures(scenario: Scenario, batch: Batch, samples: Samples) -> tuple[Tensor, Tensor]:
    """Public samples (k, ...), or the party's part of them, with their labels (k,), in the batch's precision and place; evenly spread over those that there are."""
    public = samples.public
    count = min(len(public), PUBLIC, PUBLIC_NUMBERS // batch.private[0].numel())
    image, label = public.take(np.linspace(0, len(public) - 1, count).astype(int).tolist())
    return torch.as_tensor(scenario.protocol.part(image)).to(batch.private), torch.as_tensor(label, device=batch.private.device)


def similar_pictures(scenario: Scenario, batch: Batch, data_dir: Path | None) -> Tensor:
    """Public pictures (k, c, h, w) of another data set of the same kind, or the party's part of them, in the batch's precision and place.

    Raises:
        DataMissing: that set is not on this machine; says what else to do.
    """
    data, other = scenario.data, DATASETS[scenario.data.similar]()
    try:
        found = pictures_like(other, data.shape, data_dir, min(PUBLIC, PUBLIC_NUMBERS // batch.private[0].numel()))
    except DataMissing as err:
        raise DataMissing(
            f"For {data.name}, similar pictures are those of {other.name}. {err} Or train on the same data set or on drawn pictures."
        ) from None
    return torch.as_tensor(scenario.protocol.part(found)).to(batch.private)


def _uploaded(scenario: Scenario, picture: np.ndarray | None) -> np.ndarray:
    if picture is None:
        raise UploadError(
            "This scenario names an uploaded picture. Uploads are kept in memory only and are gone by now: upload the picture again."
        )
    if picture.shape != scenario.data.shape or digest(picture) != scenario.upload:
        raise UploadError("The uploaded picture is not the one that the scenario names, or has another size: upload it again.")
    return picture
