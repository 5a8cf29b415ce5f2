"""A server, an aggregation and a detector of the tests' own: a net with one layer scaled, the sum over clients, and a look at whether weights changed."""

import copy
import dataclasses
from typing import ClassVar

import torch

from invviz.core.component import knob
from invviz.core.received import Finding
from invviz.core.task import Task
from invviz.core.types import Net
from invviz.defenses.detectors import Detector
from invviz.servers import Aggregation, Server


@dataclasses.dataclass(frozen=True)
class ToyServer(Server):
    """Sends a net whose last layer is scaled, and may ask for another task."""

    name: ClassVar[str] = "toy_server"
    title: ClassVar[str] = "Toy server"
    attack: ClassVar[str] = "linear_layer"

    gain: float = knob(2.0, "what the weights of the last layer are multiplied with", low=0.0, high=100.0)
    task: str = knob("classification", "what the client is asked to do", choices=("classification", "first_class"))

    def plant(self, net, world, clients, rng):
        task = net.task if self.task == "classification" else Task("first class", lambda outputs, targets: outputs[:, 0].mean())
        nets = []
        for number in range(clients):
            module = copy.deepcopy(net.module)
            with torch.no_grad():
                list(module.parameters())[-2].mul_(self.gain + number)  # of each client another net
            nets.append(Net.of(module, task))
        return nets

    def problems(self, shape, num_classes, batch, clients):
        return [f"toy_server reads at most 4 samples; batch is {batch}. Set batch=4."] if batch > 4 else []


@dataclasses.dataclass(frozen=True)
class ToySum(Aggregation):
    """The server sees the sum."""

    name: ClassVar[str] = "toy_sum"
    title: ClassVar[str] = "Toy sum"

    clients: int = knob(2, "clients of a round", low=2, high=8, unit="clients")

    @property
    def others(self):
        return self.clients - 1

    def seen(self, messages):
        return {name: sum(message[name] for message in messages) for name in messages[0]}


@dataclasses.dataclass(frozen=True)
class ToyDetector(Detector):
    """Compares the net with the one of the round before."""

    name: ClassVar[str] = "toy_detector"
    title: ClassVar[str] = "Toy detector"

    most: float = knob(0.1, "largest change of a weight that is let pass", low=0.0, high=1.0)

    def inspect(self, received):
        moved = max(float((p - received.previous.params[name]).abs().max()) for name, p in received.net.params.items())
        return Finding(moved, moved > self.most, f"a weight moved by {moved:.2g}")
