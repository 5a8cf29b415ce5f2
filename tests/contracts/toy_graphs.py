"""A modality of the tests' own, with a data set and a model: small graphs, whose nodes' features are private and whose edges everybody knows."""

import dataclasses
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from invviz.core.modality import Modality
from invviz.datasets import Dataset
from invviz.datasets._base import Samples
from invviz.models import Model

NODES, FEATURES, CLASSES = 5, 3, 4
GRAPH = Modality("graph", "graph", "graphs", ("x",))


@dataclasses.dataclass(frozen=True)
class Graphs:
    """Features in [0, 1] that are drawn with a seed."""

    seed: int

    def __len__(self):
        return 12

    def take(self, indices):
        rng = np.random.default_rng(self.seed)
        features, labels = rng.random((len(self), NODES, FEATURES), dtype=np.float32), rng.integers(0, CLASSES, len(self))
        chosen = np.asarray(indices, dtype=int)
        return features[chosen], labels[chosen]


@dataclasses.dataclass(frozen=True)
class ToyGraphs(Dataset):
    """Random features on rings with a chord."""

    name: ClassVar[str] = "toy_graphs"
    title: ClassVar[str] = "Toy graphs"
    modality: ClassVar[Modality] = GRAPH
    channels: ClassVar[int] = 1
    num_classes: ClassVar[int] = CLASSES
    side: ClassVar[int] = NODES

    @property
    def shape(self):
        return (NODES, FEATURES)

    def load(self, data_dir):
        return Samples(Graphs(1), Graphs(2), tuple("abcd"))

    def beside(self, samples, batch):
        edges = np.zeros((NODES, NODES), np.float32)
        for k in range(NODES):
            edges[k, (k + 1) % NODES] = edges[(k + 1) % NODES, k] = 0.5
        edges[0, 2 + self.index % 2] = edges[2 + self.index % 2, 0] = 0.5
        return {"adjacency": np.repeat(edges[None], batch, 0)}


class GraphNet(nn.Module):
    """A linear layer on all features, messages between neighbours, class scores."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.last = nn.Linear(NODES * FEATURES, NODES * width), nn.Linear(NODES * width, CLASSES)

    def forward(self, x, adjacency):
        inner = torch.tanh(self.first(x.flatten(1))).view(len(x), NODES, -1)
        return self.last((inner + adjacency @ inner).flatten(1))


@dataclasses.dataclass(frozen=True)
class ToyGraphNet(Model):
    """One round of messages between neighbours."""

    name: ClassVar[str] = "toy_graph_net"
    title: ClassVar[str] = "Toy graph net"
    modalities: ClassVar[tuple[str, ...]] = ("graph",)
    first_layer: ClassVar[str] = "linear"
    cuts: ClassVar[tuple[str, ...]] = ()

    def layers(self, shape, num_classes):
        return GraphNet(8)

    def products(self, shape, num_classes):
        return NODES * FEATURES * NODES * 8 + NODES * 8 * num_classes
