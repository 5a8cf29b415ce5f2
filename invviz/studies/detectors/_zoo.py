"""The zoo of honest nets: what clients are sent by servers that follow the protocol, with the net of the round before and a client's batch."""

from __future__ import annotations

import copy
import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.gradient import gradient
from ...core.lazy import torch
from ...core.received import Received
from ...core.rng import derive
from ...core.tree import map_tree, norm
from ...core.types import Batch, Net
from ...scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import nn


DATA = ("digits", "photos", "cifar10")
ARCHITECTURES = ("mlp", "lenet", "convnet", "preact", "vit")
STARTS = ("default", "zero biases", "orthogonal", "zero residual", "kaiming")
KINDS = ("fresh", "first round", "early rounds", "trained", "pruned", "quantised")
"""What may have happened to a net, in the order of `line`; fresh ones have no round before."""

BATCHES = (8, 16, 32)
CLIENTS, ALPHA = 4, 0.3  # of a round; Dirichlet, so that each holds few classes
HELD = 160  # samples of a client
LOCAL_STEPS, LOCAL_BATCH = 4, 16
CENTRAL_STEPS, CENTRAL_BATCH = 80, 32  # what stands for the many rounds before a net is trained


@dataclasses.dataclass(frozen=True, eq=False)
class Honest:
    """One honest net as a client receives it.

    Attributes:
        kind: of KINDS.
        line: which line of nets, each from weights of its own, it belongs to.
        scenario, start: its data set and architecture, and its initialisation.
        received: net, the one before, batch and release.
    """

    kind: str
    line: int
    scenario: Scenario
    start: str
    received: Received


def line(
    number: int, data_dir: Path | None, most: int = len(KINDS), chosen: Callable[[Scenario], Any] = lambda drawn: drawn.model
) -> Iterator[Honest]:
    """One net from its start through a few rounds to one that is trained, pruned and quantised; the same for the same number.

    Args:
        number: of the line: it chooses data set, architecture, start, and everything that is drawn.
        data_dir: folder with data sets.
        most: how many of KINDS are wanted, the first ones.
        chosen: the architecture, from the scenario with the one that was drawn.
    """
    draw = np.random.default_rng(derive(number, "honest nets"))
    scenario = Scenario.parse(f"data={DATA[number % len(DATA)]}&model={ARCHITECTURES[number // len(DATA) % len(ARCHITECTURES)]}")
    scenario = scenario.replace(model=scenario.model.replace(**_knobs(draw)[scenario.model.name]))
    scenario = scenario.replace(model=chosen(scenario))
    data, model, samples = scenario.data, scenario.model, opened(scenario.data.name, data_dir)
    start = STARTS[number // (len(DATA) * len(ARCHITECTURES)) % len(STARTS)]
    net = Net.of(started(model.build(data.shape, data.num_classes, derive(number, "start") % 2**31), start, number))
    shards = deal(samples, draw)
    batch = _batch(samples, shards[0], int(draw.choice(BATCHES)), draw)

    def honest(kind: str, now: Net, before: Net | None) -> Honest:
        return Honest(kind, number, scenario, start, Received(now, before, batch, scenario.protocol.release))

    stages = _stages(net, samples, shards, batch, draw)
    for kind, (now, before) in zip(KINDS[:most], stages, strict=False):
        yield honest(kind, now, before)


def _stages(net: Net, samples: Any, shards: list[np.ndarray], batch: Batch, draw: Any) -> Iterator[tuple[Net, Net | None]]:
    """Each net with the one before it, in the order of KINDS."""
    yield net, None
    after = federated(net, samples, shards, batch, draw)
    yield after, net
    before, net = net, after
    for _ in range(int(draw.integers(1, 4))):
        net, before = federated(net, samples, shards, batch, draw), net
    yield net, before
    before = federated(central(net, samples, batch, draw), samples, shards, batch, draw)  # as after many rounds, not straight from Adam
    net = federated(before, samples, shards, batch, draw)
    yield net, before
    share, bits = float(draw.uniform(0.5, 0.95)), int(draw.integers(3, 9))
    for change in (functools.partial(pruned, share=share), functools.partial(quantised, bits=bits)):
        yield change(net), change(before) if draw.random() < 0.5 else before  # every round's net is so, or the server begins with it now


@functools.lru_cache(maxsize=8)
def opened(name: str, data_dir: Path | None) -> Any:
    """A data set's samples, read once a process."""
    return Scenario.parse(f"data={name}").data.load(data_dir)


def _knobs(draw: Any) -> dict[str, dict[str, Any]]:
    """Of every architecture; all are drawn whichever is wanted, so that what comes after does not depend on it."""
    pick = lambda *of: of[int(draw.integers(len(of)))]  # noqa: E731
    return {
        "mlp": {"width": pick(16, 32, 64, 128), "act": pick("relu", "relu", "tanh"), "hidden_layers": pick(1, 2, 3)},
        "lenet": {"width": pick(4, 8, 12), "act": pick("sigmoid", "relu", "tanh")},
        "convnet": {"width": pick(4, 8)},
        "preact": {"width": pick(4, 8), "blocks": pick(1, 2), "order": pick("pre", "post"), "skip": pick("on", "on", "off"), "grid": 2},
        "vit": {"width": pick(16, 32), "heads": 2, "blocks": 1},
    }


def started(module: nn.Module, start: str, seed: int) -> nn.Module:
    """The module with other initial weights.

    Args:
        module: as its architecture draws it.
        start: of STARTS. "zero residual" sets the last weights of every residual branch to zero, and the last layer's where there are none.
        seed: of what is drawn.
    """
    nn = torch.nn
    if start == "default":
        return module
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, start) % 2**63)
        layers = [m for m in module.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
        if start == "zero residual":
            branches = [m for m in module.modules() if type(m).__name__ == "Block"]
            ends = [[m for m in b.modules() if isinstance(m, (nn.Linear, nn.Conv2d)) and m is not _skip(b)][-1] for b in branches]
            for layer in ends or layers[-1:]:
                layer.weight.zero_()
                if layer.bias is not None:
                    layer.bias.zero_()
            return module
        for layer in layers:
            if start == "orthogonal":
                nn.init.orthogonal_(layer.weight)
            elif start == "kaiming":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:  # as code with these initialisations does
                layer.bias.zero_()
    return module


def _skip(block: nn.Module) -> nn.Module | None:
    skip: Any = getattr(block, "skip", None)
    return skip[0] if isinstance(skip, torch.nn.Sequential) else skip


def deal(samples: Any, draw: Any) -> list[np.ndarray]:
    """Which public samples each client of a round holds: few classes each, drawn from a Dirichlet law."""
    public = samples.public
    chosen = np.sort(draw.choice(len(public), min(len(public), 2_000), replace=False))
    label = public.take(chosen.tolist())[1]
    classes = np.unique(label)
    found = []
    for _ in range(CLIENTS):
        weight = draw.dirichlet(np.full(len(classes), ALPHA))[np.searchsorted(classes, label)] + 1e-9
        found.append(draw.choice(chosen, min(HELD, len(chosen)), replace=False, p=weight / weight.sum()))
    return found


def _batch(samples: Any, held: np.ndarray, count: int, draw: Any) -> Batch:
    image, label = samples.public.take(draw.choice(held, min(count, len(held)), replace=False).tolist())
    return Batch.of(torch.as_tensor(image), torch.as_tensor(label))


def federated(net: Net, samples: Any, shards: list[np.ndarray], like: Batch, draw: Any) -> Net:
    """One round: every client takes a few steps of gradient descent on its own samples, and their nets are averaged."""
    lr, ends = float(draw.choice((0.01, 0.05, 0.1))), []
    for held in shards:
        params = net.params
        for _ in range(LOCAL_STEPS):
            image, label = samples.public.take(draw.choice(held, LOCAL_BATCH, replace=False).tolist())
            step = gradient(net, params, like.like(image, label))
            size = lr * min(1.0, 1 / float(norm(step).clamp(min=1e-12)))  # clipped to norm 1, so that no start diverges
            params = map_tree(lambda p, g, size=size: p - size * g, params, step)
        ends.append(params)
    return with_params(net, map_tree(lambda *leaves: torch.stack(leaves).mean(0), *ends))


def central(net: Net, samples: Any, like: Batch, draw: Any) -> Net:
    """A net that is trained: Adam on everybody's samples, in place of many rounds."""
    module = copy.deepcopy(net.module).requires_grad_(True)
    optimiser = torch.optim.Adam(module.parameters(), lr=3e-3)
    for _ in range(CENTRAL_STEPS):
        image, label = samples.public.take(draw.choice(len(samples.public), CENTRAL_BATCH).tolist())
        batch = like.like(image, label)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(module(batch.image), batch.label).backward()
        optimiser.step()
    return Net.of(module)


def pruned(net: Net, share: float) -> Net:
    """The smallest weights of every layer set to zero, a share of them; biases stay."""
    return with_params(net, {name: _without_smallest(p, share) if p.dim() > 1 else p for name, p in net.params.items()})


def _without_smallest(p: Any, share: float) -> Any:
    least = int(share * p.numel())
    return p * (p.abs() > p.abs().flatten().kthvalue(least).values) if least else p


def quantised(net: Net, bits: int) -> Net:
    """Every weight rounded to a multiple of its layer's largest over 2^(bits - 1) - 1; biases stay."""
    top = 2 ** (bits - 1) - 1
    round_ = lambda p: (p / (step := p.abs().max() / top)).round() * step if p.any() else p  # noqa: E731
    return with_params(net, {name: round_(p) if p.dim() > 1 else p for name, p in net.params.items()})


def with_params(net: Net, params: Any) -> Net:
    """The same architecture with other parameters."""
    module = copy.deepcopy(net.module)
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(params[name])
    return Net.of(module, net.task)
