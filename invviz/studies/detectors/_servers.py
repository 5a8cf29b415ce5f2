"""Dishonest servers: nets that they plant, scored as honest ones are, and what they read of a batch."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import InvvizError
from ...core.lazy import torch
from ...core.rng import stream
from ...core.types import World
from ...engine.attack import run
from ...engine.client import Site, meet_client
from ...scenario import Scenario
from ...scenario.families.servers import aimed, chosen, hides, liars
from ._scores import COLUMNS, SLOW, scores
from ._zoo import ARCHITECTURES, DATA, KINDS, line, opened

if TYPE_CHECKING:
    from pathlib import Path

    from ...core.received import Received
    from ._zoo import Honest

JITTERS = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
SEEDS, SEEDS_OF_ONE = (0, 1), (0, 1, 2, 3, 4, 5)  # batches that are read at every jitter, and those where one picture is
VISIBLE = 20.0  # dB from which a picture counts as read
NETS = 24  # planted nets of every server and jitter
FIRST = 10_001  # lines from here on: honest nets that no threshold has seen
PUBLIC = 500
SMALL = ("digits", "photos")  # data sets that planted nets are for
CLIENTS = 4  # that compare their nets
WIDTHS = (16, 48)  # of nets for servers that need more channels than honest ones have here
TRIES = 100  # honest lines that are looked at for every net that is wanted
READ_ON = "data=cifar10&model=mlp(width=256)&batch=16&dtype=float64"
ALONE = "&aggregation=secure(clients=4,colluding=0)&batch=1&attack=linear_layer"
READ_WITH = {
    "inconsistent": ALONE,
    "sybils": ALONE,
}  # servers who make a sum into one client's message: closed form reads that of one picture


def malicious() -> dict[str, Any]:
    """Kinds of servers that plant nets for clients who send gradients, by name."""
    return liars()


def hidden(name: str, jitter: float) -> Any:
    """A server at its defaults with so much jitter; one that has no such knob only without."""
    server = liars()[name]()
    return server.replace(jitter=jitter) if jitter else server


def reading(name: str) -> Scenario:
    """On what it is measured what the server reads, by its own attack where nothing else is said."""
    if name in READ_WITH:
        return Scenario.parse(f"{READ_ON.replace('&batch=16', '')}&server={name}{READ_WITH[name]}")
    return chosen(Scenario.parse(READ_ON), name)


def read(s: Scenario, jitter: float, site: Site) -> float:
    """Share of the pictures of a few batches that its own attack shows to 20 dB or more; of a server that singles one out: of those that it was after."""
    shown = []
    for seed in SEEDS if s.server.plan != "single" else SEEDS_OF_ONE:
        one = s.replace(server=s.server.replace(jitter=jitter) if jitter else s.server, seed=seed, data=s.data.replace(index=16 * seed))
        one, place = aimed(one, meet_client(one.replace(server=Scenario.parse("").server), site).batch.label.tolist())
        wanted = slice(None) if place is None else slice(place, place + 1)
        shown += [psnr >= VISIBLE for psnr in (run(one, site).scores["psnr"] or [])[wanted]]
    return float(np.mean(shown))


def largest_jitter(name: str, site: Site) -> tuple[float, float, float]:
    """What the server reads without jitter, the largest jitter of JITTERS at which it still reads half of that, and what it reads there."""
    s = reading(name)
    plain = read(s, 0.0, site)
    best = (0.0, plain)
    for jitter in JITTERS if plain and hides(liars()[name]()) else ():
        now = read(s, jitter, site)
        if now < plain / 2:
            break
        best = (jitter, now)
    return plain, *best


def planted(name: str, jitter: float, count: int, data_dir: Path | None) -> np.ndarray:
    """Scores of planted nets, (count, columns), each made of another honest net after a round or when it is trained; the net of the round before is honest.

    Args:
        name: of the server.
        jitter: its knob.
        count: how many nets.
        data_dir: folder with data sets.
    """
    server, found, number = hidden(name, jitter), [], FIRST
    while len(found) < count:
        number += 1
        if number > FIRST + TRIES * count:
            raise InvvizError(
                f"{name} can plant {len(found)} of {count} nets among {TRIES * count:,} honest ones: it fits hardly any of them. Ask for fewer nets."
            )
        if not _fits(server, number):
            continue
        most = 4 if len(found) % 4 == 0 else 2  # a quarter is trained
        honest = list(line(number, data_dir, most, functools.partial(_wide_enough, server)))[-1]
        received = _received(server, honest, number, data_dir)
        if received is not None:
            found.append(scores(received, SLOW if len(found) % 6 else ()))
    return np.stack(found)


def _fits(server: Any, number: int) -> bool:
    """Whether a line is of a small data set, and its architecture has the first layer that the server sets."""
    if DATA[number % len(DATA)] not in SMALL:
        return False
    return not server.needs_first_linear or ARCHITECTURES[number // len(DATA) % len(ARCHITECTURES)] == "mlp"


def _wide_enough(server: Any, drawn: Scenario) -> Any:
    """The architecture that was drawn, or where a server needs more channels than any of these has, as many as it needs."""
    model, shape = drawn.model, drawn.data.shape
    if not server.model_problems(model, shape) or "width" not in model.values():
        return model
    wider = (model.replace(width=width) for width in WIDTHS)
    return next((one for one in wider if not server.model_problems(one, shape)), model)


def _received(server: Any, honest: Honest, number: int, data_dir: Path | None) -> Received | None:
    """What a client has whom this server sends a net; None where it cannot plant one here."""
    received, data = honest.received, honest.scenario.data
    if server.needs_first_relu and "act=" in honest.scenario.model.text():
        return None
    batch = received.batch
    assert batch is not None and KINDS
    how_many = (1, CLIENTS)  # some have to do with one client alone, some with several
    if server.model_problems(honest.scenario.model, data.shape) or all(
        server.problems(data.shape, data.num_classes, len(batch.label), count) for count in how_many
    ):
        return None
    public = opened(data.name, data_dir).public
    image, label = public.take(np.linspace(0, len(public) - 1, PUBLIC).astype(int).tolist())
    world = dataclasses.replace(World.without_public(received.net, batch), batch_size=len(batch.label))
    if server.uses_public:
        world = dataclasses.replace(world, public=torch.as_tensor(image), labels=torch.as_tensor(label))
    nets = [dataclasses.replace(net, plan=None) for net in server.plant(received.net, world, CLIENTS, stream(number, "server"))]
    changed = [place for place, net in enumerate(nets) if net.params is not received.net.params]
    looks = changed[0] if changed else 0  # the victim, or the first of the others where it is them whose nets were changed
    peers = tuple(net.digest for place, net in enumerate(nets) if place != looks)
    return dataclasses.replace(received, net=nets[looks], peers=peers)


__all__ = ["COLUMNS", "largest_jitter", "malicious", "planted", "read", "reading"]
