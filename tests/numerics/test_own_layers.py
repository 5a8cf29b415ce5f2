"""Nets written as JSON layers: names, shapes and numbers are those of torch.nn; what does not fit is refused with the layer's name."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from invviz.core.errors import UploadError
from invviz.models.own import build, matched, read_layers
from invviz.models.own._kinds import ACTIVATIONS, KINDS

HEAD = [{"layer": "flatten"}, {"layer": "linear", "out_features": 3}]
ONE_OF_EACH = {  # kind -> (input, the layer, torch's)
    "linear": ([5], {"out_features": 4, "in_features": 5}, lambda: nn.Linear(5, 4)),
    "conv1d": ([2, 9], {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1, "groups": 2, "bias": False}, lambda: nn.Conv1d(2, 4, 3, 2, 1, groups=2, bias=False)),
    "conv2d": ([2, 9, 7], {"out_channels": 3, "kernel_size": [3, 2], "stride": [2, 1], "padding": [1, 0], "dilation": [1, 2]}, lambda: nn.Conv2d(2, 3, (3, 2), (2, 1), (1, 0), (1, 2))),
    "batch_norm1d": ([6], {"eps": 0.01}, lambda: nn.BatchNorm1d(6, 0.01)),
    "batch_norm2d": ([3, 4, 4], {"affine": False}, lambda: nn.BatchNorm2d(3, affine=False)),
    "group_norm": ([4, 3, 3], {"num_groups": 2}, lambda: nn.GroupNorm(2, 4)),
    "layer_norm": ([4, 6], {"normalized_shape": [4, 6]}, lambda: nn.LayerNorm([4, 6])),
    "leaky_relu": ([5], {"negative_slope": 0.3}, lambda: nn.LeakyReLU(0.3)),
    **{name: ([5], {}, getattr(nn, module)) for name, module in ACTIVATIONS.items() if name != "leaky_relu"},
    "max_pool1d": ([2, 9], {"kernel_size": 3, "padding": 1}, lambda: nn.MaxPool1d(3, padding=1)),
    "max_pool2d": ([2, 9, 7], {"kernel_size": 3, "stride": 2, "dilation": 2}, lambda: nn.MaxPool2d(3, 2, dilation=2)),
    "avg_pool1d": ([2, 9], {"kernel_size": 2}, lambda: nn.AvgPool1d(2)),
    "avg_pool2d": ([2, 9, 7], {"kernel_size": [3, 2], "stride": 1, "padding": 1}, lambda: nn.AvgPool2d((3, 2), 1, 1)),
    "adaptive_avg_pool1d": ([2, 9], {"output_size": 4}, lambda: nn.AdaptiveAvgPool1d(4)),
    "adaptive_avg_pool2d": ([2, 9, 7], {}, lambda: nn.AdaptiveAvgPool2d(1)),
    "flatten": ([2, 9, 7], {}, nn.Flatten),
    "unflatten": ([12], {"shape": [3, 2, 2]}, lambda: nn.Unflatten(1, (3, 2, 2))),
    "permute": ([2, 9, 7], {"order": [1, 2, 0]}, None),
    "embedding": ([5], {"num_embeddings": 11, "embedding_dim": 4}, lambda: nn.Embedding(11, 4)),
    "dropout": ([5], {"p": 0.25}, lambda: nn.Dropout(0.25)),
    "identity": ([5], {}, nn.Identity),
}  # fmt: skip


def read(*layers: dict, given=(1, 8, 8)):
    return read_layers(json.dumps({"input": list(given), "layers": list(layers)}))


def test_every_kind_stands_in_the_table():
    assert set(ONE_OF_EACH) == set(KINDS)


@pytest.mark.parametrize("kind", ONE_OF_EACH)
def test_names_shapes_and_numbers_are_those_of_torch(kind):
    given, knobs, theirs = ONE_OF_EACH[kind]
    net = read({"layer": kind, **knobs}, *HEAD, given=given)
    module = build(net, 7).eval()
    state = module.state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == net.tensors()
    x = torch.randint(0, 11, (2, *given)) if kind == "embedding" else torch.randn(2, *given)
    inner = module[0](x)
    assert tuple(inner.shape[1:]) == net.whole.inner[0].made and module(x).shape == (2, 3)
    if theirs is None:
        assert torch.equal(inner, x.permute(0, 2, 3, 1))
        return
    own = theirs().eval()
    own.load_state_dict({name.removeprefix("0."): value for name, value in state.items() if name.startswith("0.")})
    assert torch.equal(own(x), inner)
    if kind == "dropout":
        assert own.p == module[0].p


class Block(nn.Module):
    """A block as people write it."""

    def __init__(self, a, b):
        super().__init__()
        self.conv1, self.bn1, self.conv2 = nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.Conv2d(b, b, 3, 1, 1)
        self.downsample = nn.Sequential(nn.Conv2d(a, b, 1, 2, bias=False), nn.BatchNorm2d(b))

    def forward(self, x):
        return self.conv2(torch.relu(self.bn1(self.conv1(x)))) + self.downsample(x)


class Theirs(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(Block(1, 4), Block(4, 6))
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        return self.fc(torch.relu(self.layer1(x)).mean((2, 3)))


def block(b: int, place: int) -> dict:
    conv = {"layer": "conv2d", "out_channels": b, "kernel_size": 3, "padding": 1}
    body = [
        {**conv, "name": "conv1", "stride": 2, "bias": False}, {"layer": "batch_norm2d", "name": "bn1"}, {"layer": "relu"}, {**conv, "name": "conv2"}
    ]  # fmt: skip
    short = [{"layer": "conv2d", "out_channels": b, "kernel_size": 1, "stride": 2, "bias": False}, {"layer": "batch_norm2d"}]
    return {
        "layer": "residual",
        "name": str(place),
        "layers": body,
        "shortcut": {"layer": "sequential", "name": "downsample", "layers": short},
    }


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_residual_net_of_somebody_else_is_written_down_and_takes_its_weights(prefix):
    torch.manual_seed(0)
    theirs = Theirs().eval()
    for name, buffer in theirs.named_buffers():
        if name.endswith(("mean", "var")):
            buffer.uniform_(0.5, 2)
    pool = [{"layer": "adaptive_avg_pool2d"}, {"layer": "flatten"}]
    net = read({"layer": "sequential", "name": "layer1", "layers": [block(4, 0), block(6, 1)]}, {"layer": "relu"}, *pool, {"layer": "linear", "name": "fc", "out_features": 3})  # fmt: skip
    assert net.tensors() == {name: tuple(value.shape) for name, value in theirs.state_dict().items()}
    found, notes = matched({prefix + name: value.numpy() for name, value in theirs.state_dict().items()}, net.tensors())
    assert bool(notes) == bool(prefix)
    module = build(net, 7).eval()
    module.load_state_dict({name: torch.from_numpy(value) for name, value in found.items()})
    x = torch.rand(2, 1, 8, 8)
    assert torch.allclose(module(x), theirs(x), atol=1e-6)


def test_weights_come_from_the_seed_and_nobody_elses_are_moved():
    net = read(*HEAD)
    state = torch.random.get_rng_state()
    first, second, other = (build(net, seed).state_dict()["1.weight"] for seed in (7, 7, 8))
    assert torch.equal(first, second) and not torch.equal(first, other) and torch.equal(torch.random.get_rng_state(), state)


REFUSED = {
    "unknown": ([{"layer": "lstm"}], r"Layer 0 \(lstm\) is not in the list; allowed: linear, conv1d"),
    "lacking": ([{"layer": "flatten"}, {"layer": "linear", "name": "fc"}], r"Layer fc \(linear\) lacks out_features, a whole number, 1 to 1,000,000"),
    "in_features": ([{"layer": "flatten"}, {"layer": "linear", "in_features": 100, "out_features": 3}], r"Layer 1 \(linear\): in_features is 100, and what comes in has 64"),
    "rank": ([{"layer": "flatten"}, {"layer": "conv2d", "out_channels": 3, "kernel_size": 3}], r"Layer 1 \(conv2d\): it takes channels, height, width, and is given 64"),
    "window": ([{"layer": "max_pool2d", "kernel_size": 9}], r"Layer 0 \(max_pool2d\): its window of 9x9 does not fit into 8x8"),
    "groups": ([{"layer": "conv2d", "out_channels": 3, "kernel_size": 1, "groups": 2}], "not divisible by groups = 2"),
    "within": ([{"layer": "sequential", "name": "body", "layers": [{"layer": "tanh"}, {"layer": "group_norm", "num_groups": 2}]}], r"Layer body.1 \(group_norm\): 1 channels"),
    "added": ([{"layer": "residual", "layers": [{"layer": "conv2d", "out_channels": 3, "kernel_size": 1}]}], r"Layer 0 \(residual\) adds 1x8x8 to 3x8x8; .* shortcut"),
    "padding": ([{"layer": "avg_pool2d", "kernel_size": 2, "padding": 2}], "more than half of its window"),
    "knob": ([{"layer": "relu", "inplace": True}], r"Layer 0 \(relu\) has 'inplace'; allowed: no knobs"),
}  # fmt: skip


@pytest.mark.parametrize("layers, words", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_with_the_layers_name(layers, words):
    with pytest.raises(UploadError, match=words):
        read(*layers, *HEAD)


def test_the_largest_that_is_taken_is_and_one_more_is_not():
    wide = lambda n: read({"layer": "flatten"}, {"layer": "linear", "out_features": n, "bias": False})  # noqa: E731
    most = 13_000_000 // 64
    assert math.prod(wide(most).tensors()["1.weight"]) <= 13_000_000
    with pytest.raises(UploadError, match=r"13,000,\d+ parameters; at most 13,000,000"):
        wide(most + 1)


def test_weights_that_do_not_go_with_the_net_are_named():
    net = read(*HEAD).tensors()
    zeros = {name: np.zeros(shape, np.float32) for name, shape in net.items()}
    assert list(matched(zeros, net)[0]) == list(net)
    strange = {**zeros, "1.bias": np.zeros(4, np.float32), "extra.1": zeros["1.bias"], "extra.2": zeros["1.bias"]}
    with pytest.raises(UploadError, match=r"2 not of this net: 'extra.1', 'extra.2'; 1 of another shape: 1.bias is 4, and the net's is 3"):
        matched(strange, net)
    with pytest.raises(UploadError, match=r"1 missing: 1.bias"):
        matched({"1.weight": zeros["1.weight"]}, net)
    with pytest.raises(UploadError, match=r"another type .*1.bias holds int64"):
        matched({**zeros, "1.bias": np.zeros(3, np.int64)}, net)
    half, notes = matched({name: value.astype(np.float16) for name, value in zeros.items()}, net)
    assert half["1.bias"].dtype == np.float32 and "half precision" in notes[0]


def test_torchvisions_resnet18_is_a_net_of_the_table():
    """Its state dict goes with resnet18 of the registry at 224 pixels and 1,000 classes, name by name."""
    from invviz.core.torchvision import load_torchvision
    from invviz.engine.intake._net import registry_tensors
    from invviz.models import MODELS

    with torch.device("meta"):
        theirs = load_torchvision().models.resnet18().state_dict()
    assert registry_tensors(MODELS["resnet18"](), (3, 224, 224), 1_000) == {name: tuple(value.shape) for name, value in theirs.items()}
